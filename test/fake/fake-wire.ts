// A wire worker's loop on a fake host, with shorthands for what the tests say over and over.

import { WireState } from '../../src/agent/wire-state.ts';
import type { ElectorOptions } from '../../src/election/elector.ts';
import type { Link, LinkState } from '../../src/host/host.ts';
import { parseMac } from '../../src/net/mac.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { ArpOperation, decodeArpFrame, encodeArpFrame } from '../../src/protocol/arp/arp-packet.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { WireLoop } from '../../src/wire-worker/loop.ts';
import type { MainWatch } from '../../src/wire-worker/main-watch.ts';
import type { FromWorker, HeldAddress, ToWorker, WantedAddress } from '../../src/wire-worker/messages.ts';
import type { FakeLinkSocket } from './fake-link-socket.ts';
import { FakeWireHost, WAKER_FD } from './fake-wire-host.ts';

export const NODE = 'node1';
export const NODE_MAC = '02:00:00:00:00:0b';
const CLIENT_MAC = '02:00:00:00:00:c1';

export interface LinkOptions {
  readonly index?: number;
  readonly name?: string;
  readonly mac?: string;
  readonly state?: LinkState;
  readonly addresses?: readonly string[];
  readonly isEthernet?: boolean;
}

export function linkOf(options: LinkOptions = {}): Link {
  const { index = 2, name = 'eth0', mac = NODE_MAC, state = 'Up', isEthernet = true } = options;
  const addresses = (options.addresses ?? ['10.77.0.11/24']).map((text) => {
    const { address, length } = known(parsePrefix(text), `prefix ${text}`);
    return { address, prefixLength: length };
  });
  return { index, name, mac: known(parseMac(mac), `MAC ${mac}`), state, mtu: 1500, isEthernet, addresses };
}

/** One address that this node alone may hold, unless the options say otherwise. */
export function wantedOf(address: string, options: Partial<WantedAddress> = {}): WantedAddress {
  const record = { holder: undefined, epoch: 0 };
  const common = {
    uid: `uid-${address}`,
    name: address,
    address,
    createdAt: 0,
    candidates: [NODE],
    interfaces: [],
  };
  return { ...common, record, ...options };
}

/** These are wanted, and nothing else. */
export const wantAll = (...addresses: readonly WantedAddress[]): ToWorker => ({
  kind: 'want',
  isWhole: true,
  addresses,
  dropped: [],
});

/** IPv4 text as an unsigned 32-bit number. */
export const ipv4 = (text: string): number =>
  text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** An ARP request for an address, broadcast by a client. */
export function requestFor(address: string): Uint8Array {
  const frame = new Uint8Array(42);
  const client = known(parseMac(CLIENT_MAC), 'MAC');
  encodeArpFrame(
    {
      destination: new Uint8Array(6).fill(0xff),
      source: client,
      operation: ArpOperation.Request,
      senderHardware: client,
      senderProtocol: ipv4('10.77.0.200'),
      targetHardware: new Uint8Array(6),
      targetProtocol: ipv4(address),
    },
    frame,
  );
  return frame;
}

/** An ARP reply that says that an address is at a MAC, to this node. */
export function replyFrom(address: string, mac: string): Uint8Array {
  const frame = new Uint8Array(42);
  const [sender, target] = [known(parseMac(mac), `MAC ${mac}`), known(parseMac(NODE_MAC), 'MAC')];
  encodeArpFrame(
    {
      ...{ destination: target, source: sender, operation: ArpOperation.Reply },
      ...{ senderHardware: sender, senderProtocol: ipv4(address) },
      ...{ targetHardware: target, targetProtocol: 0 },
    },
    frame,
  );
  return frame;
}

export function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`no ${what}`);
  return value;
}

type Kind = FromWorker['kind'];

export interface FakeWireOptions {
  readonly node?: string;
  readonly mainWatch?: MainWatch;
  readonly election?: Partial<ElectorOptions>;
}

/** A worker that never gets keys answers without waiting for them, nor for others. */
const AT_ONCE: Partial<ElectorOptions> = { listening: milliseconds(0), keyPatience: milliseconds(0) };

export class FakeWire {
  readonly host = new FakeWireHost();
  readonly messages: FromWorker[] = [];
  readonly #inbox: ToWorker[] = [];
  readonly #state = new WireState();
  readonly loop: WireLoop;

  /** Starts with the Leases of node1 and node2 alive; without a watch the main thread counts as moving. */
  constructor(
    links: readonly Link[] = [linkOf()],
    { node = NODE, mainWatch, election = AT_ONCE }: FakeWireOptions = {},
  ) {
    this.host.setLinks(links);
    this.loop = new WireLoop({
      host: this.host,
      node,
      election,
      ...(mainWatch && { mainWatch }),
      wakerFd: WAKER_FD,
      receive: () => this.#inbox.shift(),
      post: (message) => this.#take(structuredClone(message)),
    });
    this.loop.start();
    this.send({ kind: 'liveness', alive: [NODE, 'node2'] });
  }

  /** Sends a message and lets the loop handle it. */
  send(message: ToWorker): boolean {
    this.#inbox.push(message);
    this.host.wake();
    return this.loop.turn();
  }

  /** These are wanted, and nothing else. */
  want(...addresses: readonly WantedAddress[]): void {
    this.send(wantAll(...addresses));
  }

  /** What the worker has said that it holds. */
  held(): readonly HeldAddress[] {
    return [...this.#state.allHeld()];
  }

  #take(message: FromWorker): void {
    this.messages.push(message);
    if (message.kind === 'held') this.#state.setHeld(message);
  }

  setLinks(...links: readonly Link[]): void {
    this.host.setLinks(links);
    this.loop.turn();
  }

  /** Lets milliseconds of virtual time pass; returns how many turns the loop took. */
  pass(count: number): number {
    const before = this.host.waits;
    let isOver = false;
    this.host.in(count, () => {
      isOver = true;
    });
    while (!isOver) this.loop.turn();
    return this.host.waits - before;
  }

  /** Delivers a request and returns the MAC of the answer, if one came. */
  ask(address: string, socket: FakeLinkSocket = this.host.socketOn('eth0')): string | undefined {
    const before = socket.sent.length;
    socket.deliver(requestFor(address));
    if (!socket.isReadable) return undefined;
    this.loop.turn();
    const reply = socket.sent[before];
    return reply === undefined ? undefined : describeFrame(reply.bytes).sender;
  }

  all<K extends Kind>(kind: K): readonly Extract<FromWorker, { readonly kind: K }>[] {
    return this.messages.filter(
      (message): message is Extract<FromWorker, { readonly kind: K }> => message.kind === kind,
    );
  }

  last<K extends Kind>(kind: K): Extract<FromWorker, { readonly kind: K }> {
    return known(this.all(kind).at(-1), `message ${kind}`);
  }

  counters(): Extract<FromWorker, { readonly kind: 'counters' }>['counters'] {
    this.send({ kind: 'count' });
    return this.last('counters').counters;
  }
}

/** What a frame says, in words: `request 10.77.0.50` from a MAC. */
export function describeFrame(bytes: Uint8Array): { readonly text: string; readonly sender: string } {
  const packet = decodeArpFrame(bytes);
  if (packet instanceof Error) throw packet;
  const octets = [24, 16, 8, 0].map((shift) => (packet.senderProtocol >>> shift) & 255);
  const operation = packet.operation === ArpOperation.Request ? 'request' : 'reply';
  const sender = Array.from(packet.senderHardware, (byte) => byte.toString(16).padStart(2, '0')).join(':');
  return { text: `${operation} ${octets.join('.')}`, sender };
}
