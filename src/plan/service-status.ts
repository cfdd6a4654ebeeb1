// What a Service's status has to say: the published addresses, our conditions, and the annotations that tell the result.

import type { Refusal } from '../ipam/refusal.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { type Condition, withCondition } from '../resource/condition.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import { ALLOCATED_FROM, LEGACY_SOURCE_RANGES, RENUMBER, REPLACED } from './annotations.ts';
import type { IngressView, ServiceView } from './views.ts';

export const ALLOCATED = 'fairlead.io/Allocated';
export const ANNOUNCED = 'fairlead.io/Announced';
/** Only there while it is true. */
export const OUTSIDE_POOL = 'fairlead.io/OutsidePool';
/** Only there while it is true. */
export const OPEN_TO_ALL = 'fairlead.io/SourceRangesIgnored';
/** Only there while it is true: a published address stays until others that take its place are answered for. */
export const REPLACING = 'fairlead.io/Replacing';
export const OUR_CONDITIONS: readonly string[] = [ALLOCATED, ANNOUNCED, REPLACING, OUTSIDE_POOL, OPEN_TO_ALL];
/** What we write into the annotations of a Service. */
export const OUR_ANNOTATIONS: readonly string[] = [ALLOCATED_FROM, REPLACED];

/** Written together with an upstream finalizer, whose name alone does not say that it is ours. */
export const claim = (timestamp: string): Condition => ({
  type: ALLOCATED,
  status: 'Unknown',
  reason: 'Pending',
  message: 'an address is being chosen',
  lastTransitionTime: timestamp,
});

export interface Ingress {
  readonly ip: string;
  /** Written out, because the API server would add it and we would see a difference for ever. */
  readonly ipMode: 'VIP';
  /** Never ours: as another provider wrote them. */
  readonly ports?: readonly object[];
}

export interface StatusPlan {
  /** status.loadBalancer.ingress as it has to be; undefined where it stays as it is. */
  readonly ingress: readonly Ingress[] | undefined;
  /** Those of our conditions that change. */
  readonly conditions: readonly Condition[];
  /** The types of those that are there and do not apply any more. */
  readonly goneConditions: readonly string[];
  /** Annotations that change; null for one that goes. */
  readonly annotations: Readonly<Record<string, string | null>>;
  /** Nothing differs from what is there. */
  readonly isSame: boolean;
}

/** What a Service has, and what it waits for. */
export interface Assigned {
  /** In the order in which they are published. */
  readonly virtualIPs: readonly VirtualIP[];
  /** To take the place of published ones, not published themselves yet. */
  readonly coming: readonly VirtualIP[];
  /** Replaced, and published after the others for a while. */
  readonly going: readonly VirtualIP[];
  /** Published ones are to be replaced, and can not be yet. */
  readonly isReplacing: boolean;
  readonly refusal: Refusal | undefined;
  /** With a refusal: what it has is enough all the same. */
  readonly isSatisfied: boolean;
  /** Addresses that its status names and that can not be its own any more. */
  readonly forfeited: readonly Address[];
  /** Why one of them is not in a pool any more, in words; undefined if it is. */
  readonly whyOutside: (virtualIP: VirtualIP) => string | undefined;
  /** Explains a VirtualIP without candidates. */
  readonly whyNobody: (address: Address) => string;
}

/**
 * An address is published as soon as somebody can announce it, and not taken back for reachability later. One that takes
 * the place of another is published when somebody answers for it. A Service that is refused keeps what its status says,
 * because that is what it gets back when it can.
 */
export function statusPlan(service: ServiceView, assigned: Assigned, timestamp: string): StatusPlan {
  const wanted = [
    ...[allocated(assigned), announced(assigned), ...replacing(service, assigned)],
    ...[...outsidePool(assigned), ...openToAll(service)],
  ];
  let all: readonly Condition[] = service.conditions;
  for (const condition of wanted) all = withCondition(all, condition, timestamp);
  const conditions = all.filter((condition) => !service.conditions.includes(condition));
  const goneConditions = service.conditions
    .map(({ type }) => type)
    .filter((type) => OUR_CONDITIONS.includes(type) && !wanted.some((one) => one.type === type));
  const ingress = ingressOf(service, assigned);
  const annotations = changedAnnotations(service, assigned);
  const isSameIngress = ingress === undefined || hasIngress(service, ingress);
  const isSame =
    isSameIngress && conditions.length + goneConditions.length + Object.keys(annotations).length === 0;
  return {
    ingress: isSameIngress ? undefined : ingress,
    ...{ conditions, goneConditions, annotations, isSame },
  };
}

/** What stays in a status from which these are withdrawn. */
export const ingressWithout = (service: ServiceView, addresses: readonly string[]): readonly IngressView[] =>
  service.ingress.filter(({ ip }) => ip === undefined || !addresses.includes(ip));

/**
 * The addresses that our condition says it has. Where its VirtualIP is gone nothing else tells our address from one that
 * another provider wrote: it is no decision on words, but `originOf` read back, and a text of another form names none.
 */
export function allocatedTexts({ conditions }: ServiceView): readonly string[] {
  const allocated = conditions.find(({ type }) => type === ALLOCATED);
  if (allocated?.status !== 'True') return [];
  const [has = ''] = allocated.message.split(';');
  return has.split(', ').map((origin) => origin.split(' ', 1)[0] ?? '');
}

/** `10.77.0.50 from pool default` */
export const originOf = ({ address, pool }: Pick<VirtualIP, 'address' | 'pool'>): string =>
  `${formatAddress(address)}${pool === '' ? '' : ` from pool ${pool}`}`;

/** Whether who comes to it finds the Service, as far as that is ours to see to. */
export const isReady = (virtualIP: VirtualIP): boolean =>
  isAllocatedOnly(virtualIP) || isAnsweredFor(virtualIP);

/** Whether a node answers for it, and has nothing to say against that. */
export const isAnsweredFor = (virtualIP: VirtualIP): boolean =>
  isHeld(virtualIP) && reportOf(virtualIP)?.status !== 'False';

const isHeld = ({ phase }: VirtualIP): boolean => phase === 'Announced' || phase === 'Moving';
const reportOf = ({ conditions }: VirtualIP) => conditions.find(({ type }) => type === 'Announced');

/** `10.77.0.50 is announced by node2` */
export const holderOf = ({ address, record }: Pick<VirtualIP, 'address' | 'record'>): string =>
  `${formatAddress(address)} is announced by ${record.holder ?? 'a node'}`;

type Wanted = Omit<Condition, 'lastTransitionTime'>;

function ingressOf(
  service: ServiceView,
  { virtualIPs, going, forfeited }: Assigned,
): readonly Ingress[] | undefined {
  if (virtualIPs.length === 0) return forfeited.length === 0 ? undefined : remaining(service, forfeited);
  return [...virtualIPs, ...going].flatMap((virtualIP) => {
    const ip = formatAddress(virtualIP.address);
    const present = service.ingress.find((one) => one.ip === ip);
    const canBe = virtualIP.candidates.length > 0 || isAllocatedOnly(virtualIP) || present !== undefined;
    const { ports } = present ?? {};
    return canBe ? [{ ip, ipMode: 'VIP' as const, ...(ports && { ports }) }] : [];
  });
}

function remaining({ ingress }: ServiceView, forfeited: readonly Address[]): readonly Ingress[] {
  const gone = new Set(forfeited.map(formatAddress));
  return ingress.flatMap(({ ip }) => (ip === undefined || gone.has(ip) ? [] : [{ ip, ipMode: 'VIP' }]));
}

/** Somebody else announces it (spec.announce of the pool). */
const isAllocatedOnly = ({ advertisements }: VirtualIP): boolean => advertisements.length === 0;

function allocated({ virtualIPs, going, refusal, isSatisfied }: Assigned): Wanted {
  if (refusal !== undefined && !isSatisfied)
    return { type: ALLOCATED, status: 'False', reason: refusal.code, message: refusal.message };
  const has = [...virtualIPs, ...going].map(originOf).join(', ');
  const missing = refusal === undefined ? '' : `; not more, because ${refusal.code}: ${refusal.message}`;
  return { type: ALLOCATED, status: 'True', reason: 'Allocated', message: `${has}${missing}` };
}

/** Why what is published is not replaced yet. */
function replacing({ ingress }: ServiceView, assigned: Assigned): readonly Wanted[] {
  const { virtualIPs, coming, isReplacing, refusal, isSatisfied, whyNobody } = assigned;
  if (!isReplacing) return [];
  const texts = virtualIPs.map(({ address }) => formatAddress(address));
  const published = texts.filter((text) => ingress.some(({ ip }) => ip === text));
  const start = `${published.join(', ')} published until replaced`;
  const [obstacle] = coming.filter((one) => !isReady(one)).map((one) => announcedOne(one, whyNobody));
  const refused = refusal && { reason: refusal.code, message: refusal.message };
  // One that leaves it satisfied is of another family.
  const { reason, message } = (isSatisfied ? (obstacle ?? refused) : refused) ?? NOT_CHOSEN;
  return [{ type: REPLACING, status: 'True', reason, message: `${start}: ${message}` }];
}

const NOT_CHOSEN = { reason: 'Pending', message: 'the new addresses are being chosen' };

function outsidePool({ virtualIPs, whyOutside }: Assigned): readonly Wanted[] {
  const reasons = virtualIPs.flatMap((one) => whyOutside(one) ?? []);
  if (reasons.length === 0) return [];
  const message = `${reasons.join('; ')}. The Service keeps it; the annotation fairlead.io/renumber: now gives it another one`;
  return [{ type: OUTSIDE_POOL, status: 'True', reason: 'OutsidePool', message }];
}

/** Whoever comes from a cloud with the annotation believes in a wall that is not there. */
function openToAll({ annotations, loadBalancerSourceRanges }: ServiceView): readonly Wanted[] {
  const ranges = annotations[LEGACY_SOURCE_RANGES]?.trim() ?? '';
  if (ranges === '' || loadBalancerSourceRanges.length > 0) return [];
  const message =
    `${LEGACY_SOURCE_RANGES} "${ranges.slice(0, 200)}": kube-proxy does not read this annotation, so everybody is let in; ` +
    'want spec.loadBalancerSourceRanges';
  return [{ type: OPEN_TO_ALL, status: 'True', reason: 'SourceRangesIgnored', message }];
}

type Announced = Pick<Wanted, 'status' | 'reason' | 'message'>;

/** The holder is not named, so that a take-over costs no write of the Service. */
function announced({ virtualIPs, whyNobody }: Assigned): Wanted {
  const each = virtualIPs.map((one) => announcedOne(one, whyNobody));
  const [first] = each;
  if (first === undefined)
    return {
      type: ANNOUNCED,
      status: 'False',
      reason: 'NotAllocated',
      message: 'there is no address to announce',
    };
  const missing = each.filter(({ status }) => status === 'False');
  const message = each.map((one) => one.message).join('; ');
  const reason = missing.length === 0 || missing.length === each.length ? first.reason : 'PartlyAnnounced';
  return { type: ANNOUNCED, status: missing.length === 0 ? 'True' : 'False', reason, message };
}

function announcedOne(virtualIP: VirtualIP, whyNobody: Assigned['whyNobody']): Announced {
  const ip = formatAddress(virtualIP.address);
  const reported = reportOf(virtualIP);
  const { phase } = virtualIP;
  if (isAllocatedOnly(virtualIP))
    return { status: 'False', reason: 'AllocatedOnly', message: `${ip} is of a pool with announce: false` };
  if (isHeld(virtualIP)) {
    if (reported?.status === 'False')
      return { status: 'False', reason: reported.reason || 'NotAnnounced', message: reported.message };
    const message = `${ip} is answered for; VirtualIP ${virtualIP.name} says by whom`;
    return { status: 'True', reason: 'Announced', message };
  }
  if (virtualIP.candidates.length === 0)
    return { status: 'False', reason: 'NoCandidates', message: whyNobody(virtualIP.address) };
  if (phase === 'Pending')
    return { status: 'False', reason: 'Pending', message: `no node answers for ${ip} yet` };
  return { status: 'False', reason: phase, message: reported?.message ?? `no node answers for ${ip}` };
}

/**
 * The pools, each once; what is replaced and still there; and a wish to be renumbered that is met. That goes with the write
 * that publishes the new addresses: one that is published while the wish is there is an old one.
 */
function changedAnnotations(
  { annotations }: ServiceView,
  { virtualIPs, going, isReplacing, refusal, forfeited }: Assigned,
): Readonly<Record<string, string | null>> {
  const changed: Record<string, string | null> = {};
  const from = [...new Set(virtualIPs.map(({ pool }) => pool).filter((pool) => pool !== ''))].join();
  const isDecided = virtualIPs.length > 0 || forfeited.length > 0;
  if (isDecided && from !== (annotations[ALLOCATED_FROM] ?? ''))
    changed[ALLOCATED_FROM] = from === '' ? null : from;
  const replaced = going.map(({ address }) => formatAddress(address)).join();
  if (replaced !== (annotations[REPLACED] ?? '')) changed[REPLACED] = replaced === '' ? null : replaced;
  const isMet = virtualIPs.length > 0 && !isReplacing && refusal?.code !== 'InvalidRequest';
  if (isMet && annotations[RENUMBER] !== undefined) changed[RENUMBER] = null;
  return changed;
}

export function hasIngress(service: ServiceView, wanted: readonly Ingress[]): boolean {
  return (
    service.ingress.length === wanted.length &&
    service.ingress.every((present, i) => {
      const { ip, hostname, ipMode } = present;
      return ip === wanted[i]?.ip && ipMode === wanted[i]?.ipMode && (hostname ?? '') === '';
    })
  );
}
