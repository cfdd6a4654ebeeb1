// One link's socket with what it answers and announces: drives protocol/arp (RFC 826, RFC 5227) on a LinkSocket.

import { equalBytes } from '../../bytes/equal-bytes.ts';
import type { Link, LinkSocket } from '../../host/host.ts';
import type { Mac } from '../../net/mac.ts';
import { type AnnouncerInput, ArpAnnouncer } from '../../protocol/arp/announcer.ts';
import { answer } from '../../protocol/arp/answer.ts';
import { writeAnnouncement } from '../../protocol/arp/arp-packet.ts';
import type { Timeout } from '../../protocol/machine.ts';
import type { Instant } from '../../time/instant.ts';
import type { L2Counters, LinkCounts } from './l2-counters.ts';

const FRAME_BYTES = 128;

/** More than the kernel queues for a socket; in a flood there is no end to it. */
const QUEUED_BATCHES = 256;

/** One address to answer for. */
export interface Taken {
  /** As an unsigned 32-bit number. */
  readonly address: number;
  /** The epoch to announce it under. */
  readonly epoch: number;
}

/** The answered addresses. Keys are signed, because V8 allocates numbers beyond 2^31, and the answer path must not. */
class HeldAddresses {
  mac: Mac;
  /** By address, what it was announced under. */
  readonly epochs = new Map<number, number>();

  constructor(mac: Mac) {
    this.mac = mac;
  }

  has(value: number): boolean {
    return this.epochs.has(value | 0);
  }
}

export class ArpLink {
  readonly socket: LinkSocket;
  #link: Link;
  readonly #counters: L2Counters;
  #counts: LinkCounts;
  readonly #held: HeldAddresses;
  readonly #announcer = new ArpAnnouncer();
  readonly #received = { bytes: new Uint8Array(FRAME_BYTES), length: 0 };
  readonly #reply = new Uint8Array(FRAME_BYTES);
  #foreignSeen = 0;
  #isAnnouncementDue = false;

  constructor(link: Link, socket: LinkSocket, counters: L2Counters) {
    this.socket = socket;
    this.#link = link;
    this.#counters = counters;
    this.#counts = counters.of(link.name);
    this.#held = new HeldAddresses(link.mac);
  }

  get link(): Link {
    return this.#link;
  }

  deadline(): Instant | undefined {
    return this.#announcer.deadline();
  }

  /**
   * Takes what is known of the link now. After another MAC or an interruption the next `take` announces all addresses
   * again; not this call, because the change may have taken some of them off the link.
   */
  update(link: Link, wasInterrupted: boolean): void {
    const isOtherMac = !equalBytes(link.mac, this.#link.mac);
    this.#link = link;
    this.#counts = this.#counters.of(link.name);
    this.#held.mac = link.mac;
    this.#isAnnouncementDue ||= isOtherMac || wasInterrupted;
  }

  /** Falls silent for an address. */
  release(now: Instant, address: number): void {
    if (this.#held.epochs.delete(address | 0)) this.#step(now, { kind: 'withdraw', address });
  }

  /** Answers for these too, and announces what is new here or has a new epoch. */
  take(now: Instant, addresses: readonly Taken[]): void {
    if (this.#isAnnouncementDue) this.#step(now, { kind: 'link-up' });
    this.#isAnnouncementDue = false;
    for (const { address, epoch } of addresses) {
      if (this.#held.epochs.get(address | 0) === epoch) continue;
      this.#held.epochs.set(address | 0, epoch);
      this.#step(now, { kind: 'announce', address });
    }
    this.#flush();
  }

  timeout(now: Instant): void {
    this.#step(now, { kind: 'timeout' });
  }

  #step(now: Instant, input: AnnouncerInput | Timeout): void {
    const outputs = this.#announcer.step(now, input);
    for (const announcement of outputs) {
      this.socket.queue(this.#reply, writeAnnouncement(announcement, this.#held.mac, this.#reply));
      this.#counts.announcements++;
    }
    // A thousand addresses that are taken at once fill whole batches; `take` flushes the last one.
    if (input.kind !== 'announce' && outputs.length > 0) this.#flush();
  }

  #flush(): void {
    this.#counters.transmitErrors += this.socket.flush();
  }

  /** Takes waiting frames from the kernel: a batch, so that others have their turn in a flood. */
  receive(): void {
    this.socket.fill();
  }

  /** Answers what was received, with what is known of the link now. */
  answer(): void {
    while (this.#answerOne());
    this.#flush();
    this.#counters.otherHost += this.socket.foreignFrames - this.#foreignSeen;
    this.#foreignSeen = this.socket.foreignFrames;
  }

  #answerOne(): boolean {
    const length = this.socket.receive(this.#received.bytes);
    if (length === 0) return false;
    this.#received.length = length;
    const result = answer(this.#received, this.#held, this.#reply);
    if (result > 0) {
      this.socket.queue(this.#reply, result);
      this.#counts.replies++;
    } else this.#counters.drop(result);
    return true;
  }

  /** Answers nothing of what was received or is waiting: it may be old, and the addresses somebody else's by now. */
  discard(): void {
    for (let batch = 0; batch < QUEUED_BATCHES; batch++) {
      if (batch > 0) this.socket.fill();
      if (this.socket.receive(this.#received.bytes) === 0) return;
      do this.#counters.stale++;
      while (this.socket.receive(this.#received.bytes) > 0);
    }
  }

  /** Adds what the kernel has counted. */
  count(): void {
    this.#counters.kernelDrops += this.socket.takeDrops();
  }

  close(): void {
    this.count();
    this.socket.close();
  }
}
