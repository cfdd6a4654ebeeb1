// Asks on the wire whether anybody answers for an address, and whether the link's gateway is there: for a node that hears
// none of its peers (ELECTION.md section 6). ARP Probes as in RFC 5227 section 2.1.1, of which no host learns anything.

import type { Probe } from '../election/tenure.ts';
import type { Link, LinkSocket, WireHost } from '../host/host.ts';
import { BROADCAST } from '../net/mac.ts';
import { ArpOperation, decodeArpFrame, encodeArpFrame } from '../protocol/arp/arp-packet.ts';
import { milliseconds } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import { type Log, reasonOf } from './log.ts';

const PROBES = 2;
const SPACING = milliseconds(40);
/** After the last one. */
const WAIT = milliseconds(60);

const NOBODY = new Uint8Array(6);
const FRAME_BYTES = 128;

export interface ProbeRequest {
  readonly uid: string;
  /** IPv4, as unsigned 32-bit numbers. */
  readonly address: number;
  /** Undefined where the link has none: then nothing is concluded from it. */
  readonly gateway: number | undefined;
  readonly link: Link;
}

export interface ProbeResult {
  readonly uid: string;
  readonly address: Probe;
  readonly gateway: Probe;
}

interface Pending extends ProbeRequest {
  sent: number;
  due: Instant;
  isAnswered: boolean;
  isGatewayAnswered: boolean;
}

export interface ProberDeps {
  readonly host: Pick<WireHost, 'openProbeSocket'>;
  readonly log: Log;
}

export class Prober {
  readonly #deps: ProberDeps;
  readonly #pending = new Map<string, Pending>();
  /** Open only while something is asked there, by index of the link. */
  readonly #sockets = new Map<number, LinkSocket>();
  readonly #frame = new Uint8Array(FRAME_BYTES);
  #fds: readonly number[] = [];

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  /** The sockets' descriptors: the same array until one is opened or closed. */
  get fds(): readonly number[] {
    return this.#fds;
  }

  deadline(): Instant | undefined {
    let deadline: Instant | undefined;
    for (const { due } of this.#pending.values()) deadline = earlier(deadline, due);
    return deadline;
  }

  /** Begins to ask; what was being asked for the same address is forgotten. */
  probe(now: Instant, request: ProbeRequest): void {
    if (!this.#open(request.link)) return;
    const pending = { ...request, sent: 0, due: now, isAnswered: false, isGatewayAnswered: false };
    this.#pending.set(request.uid, pending);
    this.#send(now, pending);
  }

  /** Nobody waits for the answer any more. */
  forget(uid: string): void {
    if (this.#pending.delete(uid)) this.#closeUnused();
  }

  #open(link: Link): boolean {
    if (this.#sockets.get(link.index)?.isBound() === true) return true;
    try {
      this.#sockets.get(link.index)?.close();
      this.#sockets.set(link.index, this.#deps.host.openProbeSocket(link));
      this.#listFds();
      return true;
    } catch (error) {
      this.#sockets.delete(link.index);
      this.#listFds();
      this.#deps.log('warn', 'open probe socket failed', { link: link.name, reason: reasonOf(error) });
      return false;
    }
  }

  #send(now: Instant, pending: Pending): void {
    pending.sent++;
    pending.due = after(now, pending.sent < PROBES ? SPACING : WAIT);
    const { address, gateway, link } = pending;
    const socket = this.#sockets.get(link.index);
    if (socket === undefined) return;
    const targets = gateway === undefined || gateway === address ? [address] : [address, gateway];
    for (const target of targets) {
      const length = encodeArpFrame(probeOf(target, link), this.#frame);
      socket.transmit(this.#frame, length);
    }
  }

  receive(ready: readonly number[]): void {
    for (const [index, socket] of this.#sockets) {
      if (!ready.includes(socket.fd)) continue;
      socket.fill();
      for (let length = socket.receive(this.#frame); length > 0; length = socket.receive(this.#frame))
        this.#read(index, this.#frame.subarray(0, length));
    }
  }

  #read(link: number, bytes: Uint8Array): void {
    const packet = decodeArpFrame(bytes);
    if (packet instanceof Error) return;
    for (const pending of this.#pending.values()) {
      if (pending.link.index !== link) continue;
      if (packet.senderProtocol === pending.address) pending.isAnswered = true;
      if (packet.senderProtocol === pending.gateway) pending.isGatewayAnswered = true;
    }
  }

  /** Asks again what is due; returns what has been asked for long enough. */
  timeouts(now: Instant): readonly ProbeResult[] {
    const results: ProbeResult[] = [];
    for (const [uid, pending] of this.#pending) {
      if (!hasPassed(pending.due, now)) continue;
      if (pending.sent < PROBES) this.#send(now, pending);
      else {
        this.#pending.delete(uid);
        results.push(resultOf(pending));
      }
    }
    if (results.length > 0) this.#closeUnused();
    return results;
  }

  #closeUnused(): void {
    const used = new Set(Array.from(this.#pending.values(), ({ link }) => link.index));
    for (const [index, socket] of this.#sockets) {
      if (used.has(index)) continue;
      socket.close();
      this.#sockets.delete(index);
    }
    this.#listFds();
  }

  #listFds(): void {
    this.#fds = Array.from(this.#sockets.values(), ({ fd }) => fd);
  }

  close(): void {
    this.#pending.clear();
    this.#closeUnused();
  }
}

const probeOf = (target: number, { mac }: Link): Parameters<typeof encodeArpFrame>[0] => ({
  destination: BROADCAST,
  source: mac,
  operation: ArpOperation.Request,
  senderHardware: mac,
  senderProtocol: 0,
  targetHardware: NOBODY,
  targetProtocol: target,
});

function resultOf({ uid, gateway, isAnswered, isGatewayAnswered }: Pending): ProbeResult {
  const isGatewayThere = gateway === undefined || isGatewayAnswered;
  return {
    uid,
    address: isAnswered ? 'Answered' : 'Silent',
    gateway: isGatewayThere ? 'Answered' : 'Silent',
  };
}
