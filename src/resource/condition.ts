// Conditions as the Kubernetes API conventions define them (metav1.Condition), and the one rule for changing them.

import {
  integer,
  mapParsed,
  name,
  objectOf,
  oneOf,
  optional,
  type Reader,
  text,
  withDefault,
} from './reader.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word in CamelCase, for programs. */
  readonly reason: string;
  /** A sentence, for people. */
  readonly message: string;
  readonly observedGeneration?: number;
  /** RFC 3339; when `status` last changed, not when anything else did. */
  readonly lastTransitionTime: string;
}

const readFields = objectOf({
  type: name,
  status: oneOf('True', 'False', 'Unknown'),
  reason: withDefault(text, ''),
  message: withDefault(text, ''),
  observedGeneration: optional(integer(0)),
  lastTransitionTime: withDefault(text, ''),
});

export const readCondition: Reader<Condition> = (value, field) =>
  mapParsed(readFields(value, field), ({ observedGeneration, ...fields }) =>
    observedGeneration === undefined ? fields : { ...fields, observedGeneration },
  );

/**
 * The conditions with `next` in the place of the one of its type. lastTransitionTime moves to `timestamp` only if the
 * status changed; the very same array comes back when nothing changed at all, so that nothing is written.
 */
export function withCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastTransitionTime'>,
  timestamp: string,
): readonly Condition[] {
  const present = conditions.find((condition) => condition.type === next.type);
  if (present === undefined) return [...conditions, { ...next, lastTransitionTime: timestamp }];
  if (isSame(present, next)) return conditions;
  const lastTransitionTime = present.status === next.status ? present.lastTransitionTime : timestamp;
  return conditions.map((one) => (one === present ? { ...next, lastTransitionTime } : one));
}

function isSame(a: Omit<Condition, 'lastTransitionTime'>, b: Omit<Condition, 'lastTransitionTime'>): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration
  );
}
