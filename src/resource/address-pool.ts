// AddressPool: the addresses that Services may be given (charts/fairlead/files/crds/addresspools.yaml).

import { type AddressRange, parseAddressRange } from '../net/address-range.ts';
import { unreachableIn } from '../net/unreachable-range.ts';
import { type Condition, readCondition } from './condition.ts';
import { readMetadata } from './metadata.ts';
import type { Parsed } from './parsed.ts';
import { integer, listOf, objectOf, optional, type Reader, text, withDefault } from './reader.ts';

export interface AddressPool {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly isDeleting: boolean;
  readonly addresses: readonly AddressRange[];
}

/** What the controller reports about a pool; read back so that it is written only when it changed. */
export interface AddressPoolStatus {
  readonly observedGeneration: number | undefined;
  readonly ipv4: FamilyCounts | undefined;
  readonly ipv6: FamilyCounts | undefined;
  readonly conditions: readonly Condition[];
}

/** Decimal text, because a /64 holds more than an int64 can say. */
export interface FamilyCounts {
  readonly total: string;
  readonly allocated: string;
  readonly available: string;
}

const readRange: Reader<AddressRange> = (value, field) => {
  const refused = (wanted: string): Parsed<AddressRange> => ({
    kind: 'problems',
    problems: [{ field, value, wanted }],
  });
  if (typeof value !== 'string') return refused('a CIDR, a range first-last or an address');
  const parsed = parseAddressRange(value);
  if (parsed.kind === 'problem') return refused(parsed.wanted);
  const unreachable = unreachableIn(parsed.range);
  if (unreachable === undefined) return { kind: 'value', value: parsed.range };
  return refused(`nothing of ${unreachable.cidr} (${unreachable.meaning})`);
};

const readRanges: Reader<readonly AddressRange[]> = (value, field) => {
  if (Array.isArray(value) && value.length > 0) return listOf(readRange)(value, field);
  return { kind: 'problems', problems: [{ field, value, wanted: 'at least one address' }] };
};

const readPool = objectOf({ metadata: readMetadata, spec: objectOf({ addresses: readRanges }) });

export function parseAddressPool(object: unknown): Parsed<AddressPool> {
  const parsed = readPool(object, '');
  if (parsed.kind === 'problems') return parsed;
  const { metadata, spec } = parsed.value;
  const { name, uid, generation } = metadata;
  const isDeleting = metadata.deletionTimestamp !== undefined;
  return { kind: 'value', value: { name, uid, generation, isDeleting, addresses: spec.addresses } };
}

const readCounts = objectOf({ total: text, allocated: text, available: text });

const readStatus = objectOf({
  observedGeneration: optional(integer(0)),
  ipv4: optional(readCounts),
  ipv6: optional(readCounts),
  conditions: withDefault(listOf(readCondition), []),
});

const EMPTY: AddressPoolStatus = {
  observedGeneration: undefined,
  ipv4: undefined,
  ipv6: undefined,
  conditions: [],
};

/** The status that the object carries; an unreadable one counts as none, since the controller writes it anew. */
export function readAddressPoolStatus(object: unknown): AddressPoolStatus {
  const parsed = objectOf({ status: withDefault(readStatus, EMPTY) })(object, '');
  return parsed.kind === 'value' ? parsed.value.status : EMPTY;
}
