// By what rules an AddressPool gives its addresses: every field of its spec but the addresses themselves.

import { type LabelSelector, readLabelSelector } from './label-selector.ts';
import { flag, integer, listOf, name, objectOf, oneOf, optional, withDefault } from './reader.ts';

export interface PoolRules {
  /** Union with `namespaceSelector`; both absent = every namespace. */
  readonly namespaces: readonly string[];
  readonly namespaceSelector: LabelSelector | undefined;
  /** AND with the namespace. */
  readonly serviceSelector: LabelSelector | undefined;
  /** 0 .. 1000, lower first. */
  readonly priority: number;
  /** False: only for Services that ask for the pool or one of its addresses. */
  readonly autoAssign: boolean;
  /** False: its addresses are given, and nobody answers for them. */
  readonly announce: boolean;
  /** Never an IPv4 address that ends in .0 or .255. */
  readonly avoidEdges: boolean;
  /** Nothing new. */
  readonly disabled: boolean;
  readonly quotaPerNamespace: number | undefined;
  readonly sharing: 'Namespace' | 'Cluster';
}

export const HIGHEST_PRIORITY_NUMBER = 1000;
const DEFAULT_PRIORITY = 100;

/** The readers of these fields, to be read with the rest of the spec. */
export const poolRuleFields = {
  namespaces: withDefault(listOf(name), []),
  namespaceSelector: optional(readLabelSelector),
  serviceSelector: optional(readLabelSelector),
  priority: withDefault(integer(0, HIGHEST_PRIORITY_NUMBER), DEFAULT_PRIORITY),
  autoAssign: withDefault(flag, true),
  announce: withDefault(flag, true),
  avoidEdges: withDefault(flag, false),
  disabled: withDefault(flag, false),
  quota: optional(objectOf({ perNamespace: optional(integer(0)) })),
  sharing: withDefault(oneOf('Namespace', 'Cluster'), 'Namespace' as const),
};
