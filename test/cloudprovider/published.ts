// Watches over what is published: whatever controllers do, an address in the status of a Service is that Service's, and
// another one takes its place only when somebody answers for that.

import type { KubeObject, ObjectChange } from '../../src/kube/api.ts';
import { SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { translate } from '../../src/kube/translate.ts';
import { formatAddress } from '../../src/net/address.ts';
import { SHARING_KEY } from '../../src/plan/annotations.ts';
import { IGNORE_ANNOTATION } from '../../src/plan/service-class.ts';
import { ingressAddresses } from '../../src/plan/service-request.ts';
import type { ServiceView } from '../../src/plan/views.ts';
import type { VirtualIP } from '../../src/resource/virtual-ip.ts';
import type { Bed } from './bed.ts';

/** Returns what is found from now on, while `isWatching`. */
export function watchPublished(bed: Bed, isWatching: () => boolean = () => true): readonly string[] {
  const violations: string[] = [];
  const look = () => {
    if (isWatching()) violations.push(...ownerless(bed));
  };
  bed.onChange(VIRTUAL_IP, look);
  bed.onChange(SERVICE, (change) => {
    look();
    if (isWatching()) violations.push(...replacedTooEarly(bed, change));
  });
  return violations;
}

/** Who takes a family away loses what it has of it, whatever its status goes on saying. */
function ownerless(bed: Bed): readonly string[] {
  const virtualIPs = bed.virtualIPs().filter(({ isDeleting }) => !isDeleting);
  return [...bed.cluster.objects(SERVICE).values()].flatMap((object) => {
    const service = translate.service(object);
    if (!isServed(service)) return [];
    const own = virtualIPs.filter(({ services }) => services.some(({ uid }) => uid === service.uid));
    const wanted = ingressAddresses(service).filter(({ family }) => service.ipFamilies.includes(family));
    const gone = wanted.map(formatAddress).filter((ip) => !own.some(isAt(ip)));
    return gone.map((ip) => `${service.name} publishes ${ip}, which is not its own`);
  });
}

const isAt =
  (ip: string) =>
  ({ address }: VirtualIP): boolean =>
    formatAddress(address) === ip;

/**
 * Who shares may lose an address that others share by other rules; who takes a family away loses those of it. For Services
 * that ask for one address of each family, and had one.
 */
function replacedTooEarly(bed: Bed, change: ObjectChange<KubeObject>): readonly string[] {
  if (change.kind !== 'updated') return [];
  const [before, now] = [translate.service(change.before), translate.service(change.object)];
  if (!isServed(now) || !now.ipFamilies.includes('IPv4') || SHARING_KEY in now.annotations) return [];
  const answered = answeredAt(bed, now);
  const had = answeredAt(bed, before);
  if (had.length === 0) return [];
  const isIn = ({ ingress }: ServiceView, ip: string) => ingress.some((one) => one.ip === ip);
  const left = had.filter((ip) => !isIn(now, ip));
  const early = addressesOf(now).filter((ip) => !isIn(before, ip) && !answered.includes(ip));
  return [
    ...(left.length > 0 && answered.length === 0 ? [`${now.name} left ${left.join()} for nothing`] : []),
    ...early.map((ip) => `${now.name} publishes ${ip} before anybody answers for it`),
  ];
}

const addressesOf = (service: ServiceView): readonly string[] =>
  ingressAddresses(service)
    .filter(({ family }) => family === 'IPv4')
    .map(formatAddress);

const isServed = ({ type, isDeleting, annotations }: ServiceView): boolean =>
  type === 'LoadBalancer' && !isDeleting && !(IGNORE_ANNOTATION in annotations);

function answeredAt(bed: Bed, service: ServiceView): readonly string[] {
  const answered = bed.virtualIPs().filter(({ phase }) => phase === 'Announced');
  return addressesOf(service).filter((ip) => answered.some(isAt(ip)));
}
