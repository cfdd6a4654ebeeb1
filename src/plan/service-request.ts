// What a Service asks of the address pools, from its spec and its annotations: a request, or the refusal of one that
// can not be read or contradicts itself.

import { contradiction, invalidRequest, type Refusal } from '../ipam/refusal.ts';
import type { AllocationRequest, Asked } from '../ipam/request.ts';
import type { SharingClaim } from '../ipam/sharing.ts';
import { type Address, type Family, parseAddress, sameAddress } from '../net/address.ts';
import {
  COUNT,
  RENUMBER,
  REPLACED,
  RETAIN,
  SAME_ADDRESSES,
  SAME_POOL,
  SAME_SHARING_KEY,
  SHARING_NAMESPACES,
} from './annotations.ts';
import type { ServiceView } from './views.ts';

export const MAX_COUNT = 16;

const isRefusal = (value: object | undefined): value is Refusal => value !== undefined && 'code' in value;

/** Sorts Services by age; creation times have seconds only, so names decide between Services of the same second. */
export const rankOf = ({ creationTimestamp, namespace, name }: ServiceView): string =>
  `${creationTimestamp} ${namespace}/${name}`;

/** `sharing` is what `sharingClaimOf` gives. */
export function requestOf(service: ServiceView, sharing: SharingClaim): AllocationRequest | Refusal {
  const { namespace, name, uid, labels, ipFamilyPolicy } = service;
  // The API server fills it in for every Service that can be of type LoadBalancer.
  const families: readonly Family[] = service.ipFamilies.length > 0 ? service.ipFamilies : ['IPv4'];
  const addresses = addressesOf(service, families);
  if (isRefusal(addresses)) return addresses;
  const pool = agreed(wishes(service, SAME_POOL));
  if (isRefusal(pool)) return pool;
  const keys = agreed(wishes(service, SAME_SHARING_KEY));
  if (isRefusal(keys)) return keys;
  const count = countOf(service);
  if (typeof count === 'object') return count;
  const flags = wrongFlag(service, RETAIN, ['true', 'false']) ?? wrongFlag(service, RENUMBER, ['now']);
  if (flags !== undefined) return flags;
  return {
    ...{ uid, namespace, key: `${namespace}/${name}`, labels, rank: rankOf(service), families },
    isOneFamilyEnough: ipFamilyPolicy === 'PreferDualStack',
    ...{ addresses, pool, count, sharing },
    preferred: ingressAddresses(service),
    isRenumbering: isToBeRenumbered(service),
  };
}

/** What decides with whom the Service may share an address. */
export function sharingClaimOf(service: ServiceView): SharingClaim {
  const [wish] = wishes(service, SAME_SHARING_KEY);
  return {
    namespace: service.namespace,
    key: wish?.value ?? '',
    source: wish?.source ?? '',
    namespaces: listed(service.annotations[SHARING_NAMESPACES] ?? ''),
    ports: service.ports.map(({ protocol, port }) => `${protocol}/${port}`),
    localTo: service.externalTrafficPolicy === 'Local' ? podsOf(service) : '',
  };
}

export const isToBeRenumbered = ({ annotations }: ServiceView): boolean => annotations[RENUMBER] === 'now';
export const isToBeRetained = ({ annotations }: ServiceView): boolean => annotations[RETAIN] === 'true';

/** The addresses that others have replaced, and that are published for a while. */
export const replacedAddresses = ({ annotations }: ServiceView): readonly Address[] =>
  listed(annotations[REPLACED] ?? '').flatMap((text) => parseAddress(text) ?? []);

/** The addresses in its status. */
export const ingressAddresses = ({ ingress }: ServiceView): readonly Address[] =>
  ingress.flatMap(({ ip }) => (ip === undefined ? [] : (parseAddress(ip) ?? [])));

/** Of the same namespace and selector are the same pods; without a selector they are the Service's own. */
function podsOf({ namespace, name, selector }: ServiceView): string {
  const pairs = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? `Service ${namespace}/${name}` : `${namespace}/${pairs.sort().join()}`;
}

const wishes = ({ annotations }: ServiceView, names: readonly string[]): readonly Asked<string>[] =>
  names.flatMap((source) => {
    const value = annotations[source]?.trim() ?? '';
    return value === '' ? [] : [{ value, source }];
  });

/** The one value of all of them. */
function agreed(asked: readonly Asked<string>[]): Asked<string> | undefined | Refusal {
  const [first] = asked;
  const other = asked.find(({ value }) => value !== first?.value);
  return first !== undefined && other !== undefined ? contradiction(first, other) : first;
}

function addressesOf(service: ServiceView, families: readonly Family[]): readonly Asked<Address>[] | Refusal {
  const { loadBalancerIP = '' } = service;
  const deprecated = loadBalancerIP === '' ? [] : [{ value: loadBalancerIP, source: 'spec.loadBalancerIP' }];
  const found: { readonly text: Asked<string>; readonly value: Address }[] = [];
  for (const text of [...wishes(service, SAME_ADDRESSES), ...deprecated]) {
    const parsed = listed(text.value).map(parseAddress);
    for (const value of parsed) {
      if (value === undefined || countOfFamily(parsed, value.family) > 1)
        return invalidRequest(
          text,
          'IP addresses in canonical form, at most one of each family, separated by commas',
        );
      if (!families.includes(value.family))
        return invalidRequest(text, `only ${families.join(' and ')}, as in spec.ipFamilies`);
      const other = found.find((one) => one.value.family === value.family);
      if (other !== undefined && !sameAddress(other.value, value)) return contradiction(other.text, text);
      if (other === undefined) found.push({ text, value });
    }
  }
  return found.map(({ text, value }) => ({ value, source: text.source }));
}

const countOfFamily = (addresses: readonly (Address | undefined)[], family: Family): number =>
  addresses.filter((address) => address?.family === family).length;

function countOf({ annotations }: ServiceView): number | Refusal {
  const text = annotations[COUNT]?.trim() ?? '';
  if (text === '') return 1;
  const count = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_COUNT) return count;
  return invalidRequest({ source: COUNT, value: text }, `a whole number from 1 to ${MAX_COUNT}`);
}

function wrongFlag(
  { annotations }: ServiceView,
  source: string,
  allowed: readonly string[],
): Refusal | undefined {
  const value = annotations[source] ?? '';
  if (value === '' || allowed.includes(value)) return undefined;
  return invalidRequest({ source, value }, allowed.map((one) => `"${one}"`).join(' or '));
}

const listed = (text: string): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
