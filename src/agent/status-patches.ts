// The JSON Patches (RFC 6902) that an agent writes to VirtualIPs, as values. Each tests what it supposes: the uid, the
// epoch, the place of the finalizer; never the resourceVersion, because the controller may be re-planning the spec.

import type { JsonPatchOperation, Patch } from '../kube/api.ts';
import { type Condition, withCondition } from '../resource/condition.ts';
import { WITHDRAW_FINALIZER } from '../resource/virtual-ip.ts';
import type { KnownVirtualIP } from './virtual-ips.ts';

/** Where this node answers for the address. */
export interface Announcement {
  readonly node: string;
  /** Undefined while no link fits. */
  readonly link: string | undefined;
}

const test = (path: string, value: unknown): JsonPatchOperation => ({ op: 'test', path, value });
const replace = (path: string, value: unknown): JsonPatchOperation => ({ op: 'replace', path, value });

/** A holder whose links do not fit holds the address, so that it does not wander, but announces nothing. */
const phaseOf = ({ link }: Announcement): string => (link === undefined ? 'Pending' : 'Announced');

/** Records this node as the holder at `epoch`, if the record's epoch still is `previous`. */
export function claimPatch(
  virtualIP: KnownVirtualIP,
  claim: { readonly epoch: number; readonly previous: number; readonly announcement: Announcement },
  timestamp: string,
): Patch {
  const { epoch, previous, announcement } = claim;
  const status = {
    observedGeneration: virtualIP.generation,
    holder: announcement.node,
    epoch,
    phase: phaseOf(announcement),
    since: timestamp,
    conditions: announcedConditions(virtualIP, announcement, timestamp),
  };
  const operations = [
    test('/metadata/uid', virtualIP.uid),
    test('/status/epoch', previous),
    replace('/status', status),
  ];
  return { type: 'json', operations };
}

/** Brings a recorded claim's condition up to date; undefined if it is. */
export function announcementPatch(
  virtualIP: KnownVirtualIP,
  announcement: Announcement,
  timestamp: string,
): Patch | undefined {
  const conditions = announcedConditions(virtualIP, announcement, timestamp);
  if (conditions === virtualIP.conditions && virtualIP.phase === phaseOf(announcement)) return undefined;
  const operations = [
    test('/metadata/uid', virtualIP.uid),
    test('/status/epoch', virtualIP.record.epoch),
    replace('/status/phase', phaseOf(announcement)),
    // `add` also replaces a present member (RFC 6902 section 4.1).
    { op: 'add', path: '/status/conditions', value: conditions } as const,
  ];
  return { type: 'json', operations };
}

/** Says that nobody answers for an address which stays without a use; undefined if the status says so. */
export function withdrawnPatch(virtualIP: KnownVirtualIP, timestamp: string): Patch | undefined {
  if (virtualIP.phase === 'Withdrawn') return undefined;
  const message =
    virtualIP.services.length === 0 ? 'no Service uses the address' : 'it is not to be announced';
  const condition = { type: 'Announced', status: 'False', reason: 'Withdrawn', message } as const;
  const operations = [
    test('/metadata/uid', virtualIP.uid),
    test('/status/epoch', virtualIP.record.epoch),
    replace('/status/phase', 'Withdrawn'),
    // `add` also replaces a present member (RFC 6902 section 4.1).
    {
      op: 'add',
      path: '/status/conditions',
      value: withCondition(virtualIP.conditions, condition, timestamp),
    } as const,
  ];
  return { type: 'json', operations };
}

/** Says that this address is silent on our side; undefined if the finalizer is not there. */
export function releasePatch(virtualIP: KnownVirtualIP): Patch | undefined {
  const index = virtualIP.finalizers.indexOf(WITHDRAW_FINALIZER);
  if (index < 0) return undefined;
  const path = `/metadata/finalizers/${index}`;
  const operations = [
    test('/metadata/uid', virtualIP.uid),
    test(path, WITHDRAW_FINALIZER),
    { op: 'remove', path } as const,
  ];
  return { type: 'json', operations };
}

function announcedConditions(
  virtualIP: KnownVirtualIP,
  { node, link }: Announcement,
  timestamp: string,
): readonly Condition[] {
  const next =
    link === undefined
      ? ({ status: 'False', reason: 'NoLink', message: `no link of ${node} is up and fits` } as const)
      : ({ status: 'True', reason: 'Elected', message: `${link} on ${node}` } as const);
  return withCondition(virtualIP.conditions, { type: 'Announced', ...next }, timestamp);
}
