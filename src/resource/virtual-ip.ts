// VirtualIP: one address, the Services it is for, and who may hold and does hold it
// (charts/fairlead/files/crds/virtualips.yaml).

import type { OwnershipRecord } from '../election/record.ts';
import { type Address, type Family, parseAddress, toBytes } from '../net/address.ts';
import { type Condition, readCondition } from './condition.ts';
import { readMetadata } from './metadata.ts';
import type { Parsed } from './parsed.ts';
import {
  converted,
  flag,
  integer,
  listOf,
  name,
  objectOf,
  oneOf,
  optional,
  type Reader,
  text,
  withDefault,
} from './reader.ts';

/** The finalizer that keeps the name, and so the address, taken until its holder has fallen silent. */
export const WITHDRAW_FINALIZER = 'fairlead.io/withdraw';

/** On a VirtualIP: the name of the node that shall hold it. Taken away by the controller when it does. */
export const MOVE_TO = 'fairlead.io/move-to';

export type Phase = 'Pending' | 'Announced' | 'Moving' | 'Withdrawn' | 'Conflict';

export interface ServicePort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** A Service that the address is for; the uid tells a re-created Service of the same name apart. */
export interface ServiceRef extends ServiceName {
  readonly uid: string;
  readonly ports: readonly ServicePort[];
  /** The address is kept for a Service of the same name when this one goes. */
  readonly retain?: boolean;
  /** Only nodes with endpoints of it are to hold the address. */
  readonly local?: boolean;
}

/** How the address is announced, resolved by the controller so that an agent needs no other object. */
export interface VirtualIPAdvertisement {
  readonly name: string;
  readonly l2: {
    /** Glob patterns of link names; empty = any link that fits. */
    readonly interfaces: readonly string[];
    readonly ping: boolean;
    readonly bind: boolean;
  };
}

export interface VirtualIP {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly isDeleting: boolean;
  readonly finalizers: readonly string[];
  readonly address: Address;
  readonly family: Family;
  readonly pool: string;
  /** The Service that it is kept for while nobody uses it; a user made it so, or an annotation of that Service. */
  readonly reservedFor: ServiceName | undefined;
  /** Empty for an address that is reserved. */
  readonly services: readonly ServiceRef[];
  /** Node names in election order. */
  readonly candidates: readonly string[];
  readonly advertisements: readonly VirtualIPAdvertisement[];
  readonly record: OwnershipRecord;
  readonly phase: Phase;
  /** RFC 3339; since when the holder holds it. */
  readonly since?: string;
  readonly conditions: readonly Condition[];
  /** The holder is no candidate, and knew that when it claimed the address: all candidates were dead. */
  readonly isLastResort?: true;
  /** The node that somebody wants it on. */
  readonly moveTo?: string;
}

/** metadata.name: the address, IPv6 as eight groups without leading zeros or compression, joined by `-`. */
export function virtualIPName(address: Address): string {
  const bytes = toBytes(address);
  if (address.family === 'IPv4') return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  return groups.map((group) => group.toString(16)).join('-');
}

const readPort: Reader<ServicePort> = objectOf({
  protocol: oneOf('TCP', 'UDP', 'SCTP'),
  port: integer(1, 65_535),
});

const readWholeServiceRef = objectOf({
  namespace: name,
  name,
  uid: name,
  ports: withDefault(listOf(readPort), []),
  retain: withDefault(flag, false),
  local: withDefault(flag, false),
});

/** Without the flags where they say nothing: there are thousands. */
const readServiceRef: Reader<ServiceRef> = (value, field) => {
  const parsed = readWholeServiceRef(value, field);
  if (parsed.kind === 'problems') return parsed;
  const { retain, local, ...ref } = parsed.value;
  return { kind: 'value', value: { ...ref, ...(retain && { retain }), ...(local && { local }) } };
};

const readAdvertisement: Reader<VirtualIPAdvertisement> = objectOf({
  name,
  l2: objectOf({
    interfaces: withDefault(listOf(text), []),
    ping: withDefault(flag, true),
    bind: withDefault(flag, false),
  }),
});

const readSpec = objectOf({
  address: converted('an IP address', parseAddress),
  family: oneOf('IPv4', 'IPv6'),
  pool: withDefault(text, ''),
  reservedFor: optional(objectOf({ namespace: name, name })),
  services: withDefault(listOf(readServiceRef), []),
  candidates: withDefault(listOf(name), []),
  advertisements: withDefault(listOf(readAdvertisement), []),
});

const readStatus = objectOf({
  observedGeneration: optional(integer(0)),
  holder: withDefault(text, ''),
  epoch: withDefault(integer(0), 0),
  phase: withDefault(oneOf('Pending', 'Announced', 'Moving', 'Withdrawn', 'Conflict'), 'Pending'),
  since: optional(text),
  conditions: withDefault(listOf(readCondition), []),
});

const UNHELD = {
  observedGeneration: undefined,
  holder: '',
  epoch: 0,
  phase: 'Pending',
  since: undefined,
  conditions: [],
} as const;

const readMoveTo = objectOf({
  metadata: objectOf({
    annotations: withDefault(objectOf({ [MOVE_TO]: optional(text) }), { [MOVE_TO]: undefined }),
  }),
});

const readVirtualIP = objectOf({
  metadata: readMetadata,
  spec: readSpec,
  status: withDefault(readStatus, UNHELD),
});

export function parseVirtualIP(object: unknown): Parsed<VirtualIP> {
  const parsed = readVirtualIP(object, '');
  if (parsed.kind === 'problems') return parsed;
  const { metadata, spec, status } = parsed.value;
  if (spec.family !== spec.address.family) {
    const wanted = `${spec.address.family}, the family of spec.address`;
    return { kind: 'problems', problems: [{ field: 'spec.family', value: spec.family, wanted }] };
  }
  if (metadata.name !== virtualIPName(spec.address)) {
    const wanted = `${virtualIPName(spec.address)}, the name of its address`;
    return { kind: 'problems', problems: [{ field: 'metadata.name', value: metadata.name, wanted }] };
  }
  const { observedGeneration, holder, epoch, since, ...rest } = status;
  const { name, uid, resourceVersion, creationTimestamp: createdAt, finalizers } = metadata;
  const isDeleting = metadata.deletionTimestamp !== undefined;
  const record: OwnershipRecord = { holder: holder === '' ? undefined : holder, epoch };
  const value = { name, uid, resourceVersion, createdAt, isDeleting, finalizers, ...spec, ...rest, record };
  const moveTo = moveToOf(object);
  const isOutside = holder !== '' && spec.candidates.length > 0 && !spec.candidates.includes(holder);
  const isLastResort = isOutside && observedGeneration === metadata.generation;
  return {
    kind: 'value',
    value: {
      ...value,
      ...(since !== undefined && { since }),
      ...(isLastResort && { isLastResort }),
      ...(moveTo !== undefined && { moveTo }),
    },
  };
}

/** What is no text is passed over: nobody can be moved to it. */
function moveToOf(object: unknown): string | undefined {
  const parsed = readMoveTo(object, '');
  const moveTo = parsed.kind === 'value' ? parsed.value.metadata.annotations[MOVE_TO] : undefined;
  return moveTo === '' ? undefined : moveTo;
}
