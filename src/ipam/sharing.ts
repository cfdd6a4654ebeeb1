// When two Services may use one address: the usual rules (MetalLB's), with the namespace as the border unless the pool
// and both Services open it.

/** What decides whether a Service may share an address. */
export interface SharingClaim {
  readonly namespace: string;
  /** '' = shares with nobody. */
  readonly key: string;
  /** Where the key was written, for messages. */
  readonly source: string;
  /** Namespaces besides its own that it shares with; `*` is every one. */
  readonly namespaces: readonly string[];
  /** `TCP/80`. */
  readonly ports: readonly string[];
  /**
   * '' for externalTrafficPolicy Cluster. For Local the pods that it selects, as text: an address is on one node, so
   * all sharers must have their pods on the same ones.
   */
  readonly localTo: string;
}

/** A VirtualIP names at most this many Services (the CRD's bound). */
export const MAX_SHARERS = 64;

/** The rule by which the two may not share, in words that go on after "cannot share with NAME: "; undefined if they may. */
export function whyNotShared(
  mine: SharingClaim,
  other: SharingClaim,
  { isAcrossNamespaces }: { readonly isAcrossNamespaces: boolean },
): string | undefined {
  if (mine.key === '') return 'this Service has no sharing key';
  if (other.key === '') return 'it has no sharing key';
  if (mine.key !== other.key) return `its sharing key is "${other.key}", want "${mine.key}"`;
  if (mine.namespace !== other.namespace) {
    if (!isAcrossNamespaces)
      return 'it is in another namespace, and no pool of the address has sharing Cluster';
    if (!opens(mine, other.namespace) || !opens(other, mine.namespace))
      return 'it is in another namespace, and both have to name the other in fairlead.io/sharing-namespaces';
  }
  const common = mine.ports.filter((port) => other.ports.includes(port));
  if (common.length > 0) return `both use ${common[0]}, want different ports or protocols`;
  if (mine.localTo !== other.localTo)
    return 'want externalTrafficPolicy Cluster for both, or Local for both with the same selector';
  return undefined;
}

const opens = ({ namespaces }: SharingClaim, namespace: string): boolean =>
  namespaces.includes('*') || namespaces.includes(namespace);

/** Whether two claims are the same in everything that the rules look at. */
export const sameClaim = (a: SharingClaim | undefined, b: SharingClaim | undefined): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);
