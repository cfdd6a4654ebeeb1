// What a Service's status has to say: the published address and our two conditions.

import type { Refusal } from '../ipam/refusal.ts';
import { formatAddress } from '../net/address.ts';
import { type Condition, withCondition } from '../resource/condition.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import type { IngressView, ServiceView } from './views.ts';

export const ALLOCATED = 'fairlead.io/Allocated';
export const ANNOUNCED = 'fairlead.io/Announced';
export const OUR_CONDITIONS: readonly string[] = [ALLOCATED, ANNOUNCED];

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
}

export interface StatusPlan {
  /** status.loadBalancer.ingress as it has to be; undefined where it stays as it is. */
  readonly ingress: readonly Ingress[] | undefined;
  /** Those of our conditions that change. */
  readonly conditions: readonly Condition[];
  /** Nothing differs from what is there. */
  readonly isSame: boolean;
}

/**
 * An address is published as soon as somebody can announce it, and not taken back for reachability later.
 * `whyNobody` explains a VirtualIP without candidates.
 */
export function publishedStatus(
  service: ServiceView,
  { virtualIP, whyNobody }: { readonly virtualIP: VirtualIP; readonly whyNobody: string },
  timestamp: string,
): StatusPlan {
  const ip = formatAddress(virtualIP.address);
  const isPublished = service.ingress.some((ingress) => ingress.ip === ip);
  const ingress: readonly Ingress[] =
    virtualIP.candidates.length > 0 || isPublished ? [{ ip, ipMode: 'VIP' }] : [];
  const wanted = [
    { type: ALLOCATED, status: 'True', reason: 'Allocated', message: originOf(virtualIP) } as const,
    { type: ANNOUNCED, ...announced(virtualIP, ip, whyNobody) } as const,
  ];
  return plan(service, { ingress, wanted }, timestamp);
}

/** What stays in a status from which the addresses of these are withdrawn. */
export function ingressWithout(
  service: ServiceView,
  virtualIPs: readonly VirtualIP[],
): readonly IngressView[] {
  const withdrawn = new Set(virtualIPs.map(({ address }) => formatAddress(address)));
  return service.ingress.filter(({ ip }) => ip === undefined || !withdrawn.has(ip));
}

/** An address from before stays in the status: it is what the Service gets back when it can. */
export function refusedStatus(service: ServiceView, refusal: Refusal, timestamp: string): StatusPlan {
  const wanted = [
    { type: ALLOCATED, status: 'False', reason: refusal.code, message: refusal.message } as const,
    {
      type: ANNOUNCED,
      status: 'False',
      reason: 'NotAllocated',
      message: 'there is no address to announce',
    } as const,
  ];
  return plan(service, { ingress: undefined, wanted }, timestamp);
}

/** `10.77.0.50 from pool default` */
export const originOf = ({ address, pool }: Pick<VirtualIP, 'address' | 'pool'>): string =>
  `${formatAddress(address)}${pool === '' ? '' : ` from pool ${pool}`}`;

/** `10.77.0.50 is announced by node2` */
export const holderOf = ({ address, record }: Pick<VirtualIP, 'address' | 'record'>): string =>
  `${formatAddress(address)} is announced by ${record.holder ?? 'a node'}`;

type Wanted = Omit<Condition, 'lastTransitionTime'>;

/** The holder is not named, so that a take-over costs no write of the Service. */
function announced(virtualIP: VirtualIP, ip: string, whyNobody: string): Omit<Wanted, 'type'> {
  const reported = virtualIP.conditions.find((condition) => condition.type === 'Announced');
  if (virtualIP.phase === 'Announced' || virtualIP.phase === 'Moving') {
    if (reported?.status !== 'False') {
      return {
        status: 'True',
        reason: 'Announced',
        message: `${ip} is answered for; VirtualIP ${virtualIP.name} says by whom`,
      };
    }
    return { status: 'False', reason: reported.reason || 'NotAnnounced', message: reported.message };
  }
  if (virtualIP.candidates.length === 0)
    return { status: 'False', reason: 'NoCandidates', message: whyNobody };
  if (virtualIP.phase === 'Pending') {
    return { status: 'False', reason: 'Pending', message: `no node answers for ${ip} yet` };
  }
  return {
    status: 'False',
    reason: virtualIP.phase,
    message: reported?.message ?? `no node answers for ${ip}`,
  };
}

function plan(
  service: ServiceView,
  {
    ingress,
    wanted,
  }: { readonly ingress: readonly Ingress[] | undefined; readonly wanted: readonly Wanted[] },
  timestamp: string,
): StatusPlan {
  let all: readonly Condition[] = service.conditions;
  for (const condition of wanted) all = withCondition(all, condition, timestamp);
  const conditions = all.filter((condition) => !service.conditions.includes(condition));
  const isSameIngress = ingress === undefined || hasIngress(service, ingress);
  return { ingress, conditions, isSame: isSameIngress && conditions.length === 0 };
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
