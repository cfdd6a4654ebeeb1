// How the hosts of the benches of heartbeats authenticate: one cluster and one key, a session for each name.

import { createHash } from 'node:crypto';
import { digests } from '../src/host/linux/digests.ts';
import { milliseconds } from '../src/time/duration.ts';
import {
  type HeartbeatIdentity,
  type HeartbeatSettings,
  identityOf,
} from '../src/wire-worker/heartbeat-settings.ts';

export const INTERVAL = milliseconds(100);

export const settingsOf = (node: string): HeartbeatSettings => ({
  clusterUid: 'bench',
  session: createHash('sha256').update(node).digest('hex').slice(0, 16),
  keys: [{ id: 1, secret: new Uint8Array(32).fill(7) }],
  activeKey: 1,
  intervalMs: INTERVAL,
  multiplier: 3,
});

export const identityOfNode = (node: string): HeartbeatIdentity =>
  identityOf(node, settingsOf(node), digests);

/** Of somebody who knows all about a node but the key. */
export function forgedIdentityOf(node: string): HeartbeatIdentity {
  const settings = settingsOf(node);
  return identityOf(node, { ...settings, keys: [{ id: 1, secret: new Uint8Array(32) }] }, digests);
}
