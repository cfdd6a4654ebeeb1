// What the heartbeats have done, counted since the start: for /metrics.

import type { MembershipDrop } from '../election/membership-messages.ts';
import { HEARTBEAT_DROPS, type HeartbeatDrop } from '../protocol/heartbeat/heartbeat-frame.ts';

/** `malformed-packet`: what came is not a whole UDP datagram (RFC 791, RFC 768). */
export type HeartbeatDropReason = HeartbeatDrop | MembershipDrop | 'malformed-packet';

const REASONS: readonly HeartbeatDropReason[] = [
  ...HEARTBEAT_DROPS,
  'unknown-sender',
  'unproven-session',
  'replayed',
  'malformed-packet',
];

export interface HeartbeatTotals {
  readonly transmitted: number;
  readonly received: number;
  readonly transmitErrors: number;
  readonly dropsByReason: Readonly<Record<string, number>>;
}

export class HeartbeatCounters {
  transmitted = 0;
  /** Those that counted; the others are among the drops. */
  received = 0;
  transmitErrors = 0;
  readonly #drops = new Map<HeartbeatDropReason, number>(REASONS.map((reason) => [reason, 0]));

  drop(reason: HeartbeatDropReason): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
  }

  totals(): HeartbeatTotals {
    const { transmitted, received, transmitErrors } = this;
    return { transmitted, received, transmitErrors, dropsByReason: Object.fromEntries(this.#drops) };
  }
}
