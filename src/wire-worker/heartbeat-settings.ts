// What the heartbeats of this node are made with, as the main thread gives it and as the worker uses it: the identity
// of cluster, node and session, and the keys. OBJECTS.md, heartbeat frame.

import type { Digests } from '../host/host.ts';
import { type Authenticate, HMAC_LENGTH } from '../protocol/heartbeat/heartbeat-frame.ts';
import { fnv1a64 } from '../protocol/heartbeat/peer-claim.ts';
import { type Duration, milliseconds } from '../time/duration.ts';

export interface HeartbeatKey {
  /** 1 .. 255. */
  readonly id: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** As it crosses the thread boundary. */
export interface HeartbeatSettings {
  /** uid of the namespace kube-system: what tells one cluster from another. */
  readonly clusterUid: string;
  /** 16 hex digits, random at each start of the agent and the same as long as it runs. */
  readonly session: string;
  /** All that are accepted. */
  readonly keys: readonly HeartbeatKey[];
  /** The one that is used to transmit. */
  readonly activeKey: number;
  readonly intervalMs: number;
  readonly multiplier: number;
}

export interface HeartbeatIdentity {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  readonly session: bigint;
  readonly keyId: number;
  readonly interval: Duration;
  readonly multiplier: number;
  readonly authenticate: Authenticate;
}

export function identityOf(node: string, settings: HeartbeatSettings, digests: Digests): HeartbeatIdentity {
  const keys = new Map(settings.keys.map(({ id, secret }) => [id, secret]));
  return {
    clusterId: shortId(settings.clusterUid, digests),
    nodeId: shortId(node, digests),
    session: BigInt(`0x${settings.session}`),
    keyId: settings.activeKey,
    interval: milliseconds(settings.intervalMs),
    multiplier: settings.multiplier,
    authenticate: (keyId, bytes) => {
      const secret = keys.get(keyId);
      if (secret === undefined) return undefined;
      return digests.hmacSha256(secret, bytes).subarray(0, HMAC_LENGTH);
    },
  };
}

/** The first 8 bytes of SHA-256: how a heartbeat names a node or a cluster. */
export function shortId(text: string, digests: Digests): bigint {
  const digest = digests.sha256(text);
  return new DataView(digest.buffer, digest.byteOffset).getBigUint64(0);
}

/** The first 8 bytes of a uid, which is a UUID (RFC 9562); a text that is none has a digest. */
export function shortUid(uid: string): bigint {
  const digits = uid.replaceAll('-', '');
  return /^[0-9a-f]{32}$/i.test(digits)
    ? BigInt(`0x${digits.slice(0, 16)}`)
    : fnv1a64(new TextEncoder().encode(uid));
}
