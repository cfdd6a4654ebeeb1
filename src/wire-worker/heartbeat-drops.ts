// Heartbeats that were dropped: each is counted, and said in the log once per sender and minute. A sender is told apart
// by the link and the MAC that its frames came from: the ids in a frame are anybody's until the HMAC vouches for them.
// MACs can be made up too, so the number of senders that are told apart is bounded.

import { type Address, formatAddress } from '../net/address.ts';
import { formatMac, type Mac } from '../net/mac.ts';
import { minutes } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { HeartbeatCounters, HeartbeatDropReason } from './heartbeat-counters.ts';
import type { Log } from './log.ts';

export interface DroppedHeartbeat {
  readonly reason: HeartbeatDropReason;
  /** Name. */
  readonly link: string;
  /** Undefined if the frame has none. */
  readonly mac: Mac | undefined;
  /** IPv4, as an unsigned 32-bit number; undefined if the frame has none. */
  readonly address?: number | undefined;
  /** For people, and only if the HMAC was right. */
  readonly node?: string | undefined;
}

interface Sender {
  readonly link: string;
  readonly from: string;
  node: string | undefined;
  /** Since the last line. */
  count: number;
  readonly reasons: Set<HeartbeatDropReason>;
  nextLine: Instant;
}

const PAUSE = minutes(1);

/** Of those that were dropped in the last minute; all others of a link share one line a minute. */
const MAX_SENDERS = 64;
const OTHERS = 'others';

/** Nothing is wrong: two clusters on one LAN, a node that has just started, a network that doubles or reorders frames. */
const HARMLESS: ReadonlySet<HeartbeatDropReason> = new Set(['other-cluster', 'unproven-session', 'replayed']);

export class HeartbeatDrops {
  readonly #counters: HeartbeatCounters;
  readonly #log: Log;
  /** In the order of their next lines. */
  readonly #senders = new Map<string, Sender>();

  constructor(counters: HeartbeatCounters, log: Log) {
    this.#counters = counters;
    this.#log = log;
  }

  take(now: Instant, dropped: DroppedHeartbeat): void {
    const { reason, node } = dropped;
    this.#counters.drop(reason);
    const known = this.#senderOf(dropped);
    const sender = known ?? this.#add(now, dropped);
    sender.count++;
    sender.reasons.add(reason);
    sender.node = node ?? sender.node;
    if (known === undefined) this.#write(sender);
  }

  /** When a sender has its next line, or is forgotten. */
  deadline(): Instant | undefined {
    for (const { nextLine } of this.#senders.values()) return nextLine;
    return undefined;
  }

  timeouts(now: Instant): void {
    for (const [key, sender] of this.#senders) {
      if (!hasPassed(sender.nextLine, now)) return;
      this.#senders.delete(key);
      if (sender.count === 0) continue;
      this.#write(sender);
      sender.nextLine = after(now, PAUSE);
      this.#senders.set(key, sender);
    }
  }

  #senderOf({ link, mac }: DroppedHeartbeat): Sender | undefined {
    const known = this.#senders.get(keyOf(link, nameOf(mac)));
    if (known !== undefined || this.#senders.size < MAX_SENDERS) return known;
    return this.#senders.get(keyOf(link, OTHERS));
  }

  #add(now: Instant, { link, mac, address }: DroppedHeartbeat): Sender {
    const isOneTooMany = this.#senders.size >= MAX_SENDERS;
    const name = isOneTooMany ? OTHERS : nameOf(mac);
    const ip = isOneTooMany || address === undefined ? '' : ` ${formatAddress(ipv4Of(address))}`;
    const sender: Sender = {
      ...{ link, from: `${name}${ip}`, node: undefined, count: 0 },
      ...{ reasons: new Set<HeartbeatDropReason>(), nextLine: after(now, PAUSE) },
    };
    this.#senders.set(keyOf(link, name), sender);
    return sender;
  }

  #write(sender: Sender): void {
    const { link, from, node, count, reasons } = sender;
    const level = [...reasons].every((reason) => HARMLESS.has(reason)) ? 'info' : 'warn';
    const reason = [...reasons].join(', ');
    this.#log(level, 'heartbeats dropped', {
      ...{ reason, link, from, count },
      ...(node !== undefined && { node }),
    });
    sender.count = 0;
    reasons.clear();
  }
}

const nameOf = (mac: Mac | undefined): string => (mac === undefined ? 'unknown' : formatMac(mac));

const keyOf = (link: string, name: string): string => `${link} ${name}`;

const ipv4Of = (address: number): Address => ({ family: 'IPv4', value: BigInt(address) });
