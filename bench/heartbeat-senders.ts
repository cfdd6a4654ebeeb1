// A program for the bench `heartbeat-cost`: many peers on one link, each with a MAC, an address and a session of its own,
// whose frames are as those of a large cluster: each lists as many of the others as it has room for.
//
// Usage, inside a namespace with one link: node bench/heartbeat-senders.ts COUNT. Prints `ready` when the first frame of
// somebody else was heard; each line on stdin is answered with a line of JSON (SendersReport).

import { createInterface } from 'node:readline';
import type { Link } from '../src/host/host.ts';
import { createWireHost } from '../src/host/linux/wire-host.ts';
import { parseAddress } from '../src/net/address.ts';
import { parseMac } from '../src/net/mac.ts';
import {
  HEARTBEAT_PORT,
  type Heard,
  HeardList,
  type HeartbeatFrame,
  MAX_HEARD,
} from '../src/protocol/heartbeat/heartbeat-frame.ts';
import { milliseconds } from '../src/time/duration.ts';
import { between, type Instant } from '../src/time/instant.ts';
import { HeartbeatCounters } from '../src/wire-worker/heartbeat-counters.ts';
import { HeartbeatDrops } from '../src/wire-worker/heartbeat-drops.ts';
import { HEARTBEAT_GROUP_MAC, HeartbeatLink } from '../src/wire-worker/heartbeat-link.ts';
import { INTERVAL, identityOfNode } from './heartbeat-keys.ts';

export interface SendersReport {
  readonly transmitted: number;
  readonly transmitErrors: number;
  /** The longest that a frame came late, in milliseconds. */
  readonly latest: number;
}

const FLAGS = { isLeaving: false, isUnable: false, isHung: false, hasNoApi: false, isAlone: false };

const count = Number(process.argv[2]);
const host = createWireHost();
const counters = new HeartbeatCounters();
const drops = new HeartbeatDrops(
  counters,
  (level, message) => void process.stderr.write(`${level} ${message}\n`),
);
const link = ownLink();
// All share them: whoever is heard is a stranger.
const sockets = {
  known: host.openHeartbeatSocket(link, HEARTBEAT_PORT, HEARTBEAT_GROUP_MAC),
  strangers: host.openStrangersSocket(link, HEARTBEAT_PORT, HEARTBEAT_GROUP_MAC),
};
const senders = Array.from({ length: count }, (_, index) => sender(index));
/** What each has sent last, and what was heard of others. */
const heard = new Map<bigint, Omit<Heard, 'age'> & { readonly at: Instant }>();
let latest = 0;
let isReady = false;

function ownLink(): Link {
  const found = host
    .openLinkMonitor()
    .links()
    ?.find(({ isEthernet, state }) => isEthernet && state === 'Up');
  if (found === undefined) throw new Error('find a link: none, want one that is up');
  return found;
}

function sender(index: number) {
  const mac = parseMac(`02:00:00:01:00:${index.toString(16).padStart(2, '0')}`);
  const address = parseAddress(`10.77.2.${index + 1}`);
  if (mac === undefined || address === undefined)
    throw new Error(`send as ${count} peers: want at most 254, each with a MAC and an address`);
  const identity = identityOfNode(`peer${index}`);
  const own = { ...link, mac, addresses: [{ address, prefixLength: 16 }] };
  const dueAt = host.clock.now() + (INTERVAL * index) / count;
  return {
    identity,
    dueAt,
    from: 0,
    link: new HeartbeatLink(sockets, { link: own, identity }, { counters, drops }),
  };
}

function turn(): void {
  for (const { frame } of senders[0]?.link.receive(host.clock.now(), [sockets.strangers.fd]) ?? [])
    hear(frame);
  for (const each of senders) {
    const now = host.clock.now();
    if (now < each.dueAt) continue;
    latest = Math.max(latest, now - each.dueAt);
    transmit(now, each);
    // Who was stopped sends no heap of frames.
    each.dueAt = Math.max(each.dueAt + INTERVAL, now);
  }
}

function hear({ nodeId, session, sequence }: HeartbeatFrame): void {
  heard.set(nodeId, { nodeId, session, sequence: lowBits(sequence), at: host.clock.now() });
  if (!isReady) console.log('ready');
  isReady = true;
}

const lowBits = (sequence: bigint): number => Number(BigInt.asUintN(32, sequence));

function transmit(now: Instant, each: ReturnType<typeof sender>): void {
  const { nodeId, session, multiplier } = each.identity;
  const sequence = BigInt(Math.floor(now));
  const others = [...heard.values()].filter((other) => other.nodeId !== nodeId);
  const listed = Array.from({ length: Math.min(others.length, MAX_HEARD) }, (_, i) => {
    const { at, ...other } = others[(each.from + i) % others.length] as (typeof others)[number];
    return { ...other, age: milliseconds(Math.round(between(at, now))) };
  });
  each.from += MAX_HEARD;
  each.link.transmit({
    ...{ to: undefined, sequence, multiplier, flags: FLAGS, mainAge: milliseconds(0), claimsDigest: 0n },
    body: { heard: HeardList.of(listed), isClaimsRequest: false, offers: [], revoked: [] },
  });
  heard.set(nodeId, { nodeId, session, sequence: lowBits(sequence), at: now });
}

setInterval(turn, 1);
createInterface({ input: process.stdin }).on('line', () => {
  const { transmitted, transmitErrors } = counters;
  console.log(JSON.stringify({ transmitted, transmitErrors, latest } satisfies SendersReport));
  latest = 0;
});
