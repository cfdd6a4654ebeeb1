// When to send gratuitous ARP on one link: the ARP Announcements of RFC 5227 section 2.3 and their reply form, in a
// schedule of our own (ELECTION.md section 11). A machine per link; every address is announced in both forms.

import { DeadlineQueue } from '../../time/deadline-queue.ts';
import { type Duration, milliseconds, minutes, seconds, times } from '../../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../../time/instant.ts';
import type { Machine, Timeout } from '../machine.ts';
import type { Announcement, AnnouncementForm } from './arp-packet.ts';

/** Addresses are unsigned 32-bit numbers. */
export type AnnouncerInput =
  /** The address is held from now on; if it was already, its schedule starts anew. */
  | { readonly kind: 'announce'; readonly address: number }
  | { readonly kind: 'withdraw'; readonly address: number }
  /** The link came up: whoever is behind it now may know nothing of us. */
  | { readonly kind: 'link-up' };

export interface AnnouncerOutput extends Announcement {
  readonly kind: 'transmit';
}

export interface AnnouncerOptions {
  /** How often a held address is announced again after the schedule; 0 = never. */
  readonly refreshInterval: Duration;
}

export const DEFAULT_ANNOUNCER_OPTIONS: AnnouncerOptions = { refreshInterval: minutes(1) };

/** After the first frames; RFC 5227 asks for two announcements two seconds apart, we send more and sooner. */
const REPEATS: readonly Duration[] = [
  milliseconds(100),
  milliseconds(1100),
  milliseconds(2200),
  milliseconds(3300),
];
const FORMS: readonly AnnouncementForm[] = ['Request', 'Reply'];

/** Frames per second and link. First frames know no limit: they end the outage. */
const REPEAT_RATE = 500;
const REFRESH_RATE = 50;

const spacing = (framesPerSecond: number): Duration => times(seconds(1), FORMS.length / framesPerSecond);

interface Progress {
  readonly start: Instant;
  /** How many of REPEATS have been sent. */
  readonly sent: number;
}

/** Addresses waiting for their turn, no two turns closer than the pace. */
class PacedQueue {
  readonly #queue = new DeadlineQueue<number>();
  readonly #pace: Duration;
  #free: Instant | undefined;

  constructor(pace: Duration) {
    this.#pace = pace;
  }

  set(address: number, due: Instant): void {
    this.#queue.set(address, due);
  }

  delete(address: number): void {
    this.#queue.delete(address);
  }

  deadline(): Instant | undefined {
    const due = this.#queue.first()?.due;
    return due === undefined || this.#free === undefined || due > this.#free ? due : this.#free;
  }

  /** The address whose turn it is, taken out of the queue. */
  take(now: Instant): number | undefined {
    const deadline = this.deadline();
    const first = this.#queue.first();
    if (deadline === undefined || first === undefined || !hasPassed(deadline, now)) return undefined;
    this.#queue.delete(first.key);
    this.#free = after(now, this.#pace);
    return first.key;
  }
}

export class ArpAnnouncer implements Machine<AnnouncerInput, AnnouncerOutput> {
  readonly #options: AnnouncerOptions;
  readonly #held = new Map<number, Progress>();
  readonly #repeats = new PacedQueue(spacing(REPEAT_RATE));
  readonly #refreshes = new PacedQueue(spacing(REFRESH_RATE));

  constructor(options: AnnouncerOptions = DEFAULT_ANNOUNCER_OPTIONS) {
    this.#options = options;
  }

  deadline(): Instant | undefined {
    return earlier(this.#repeats.deadline(), this.#refreshes.deadline());
  }

  step(now: Instant, input: AnnouncerInput | Timeout): readonly AnnouncerOutput[] {
    const outputs: AnnouncerOutput[] = [];
    switch (input.kind) {
      case 'announce':
        this.#announce(now, input.address, outputs);
        break;
      case 'withdraw':
        this.#withdraw(input.address);
        break;
      case 'link-up':
        for (const address of [...this.#held.keys()]) this.#announce(now, address, outputs);
        break;
      case 'timeout':
        this.#sendDue(now, outputs);
    }
    return outputs;
  }

  #announce(now: Instant, address: number, outputs: AnnouncerOutput[]): void {
    this.#withdraw(address);
    transmit(address, outputs);
    this.#schedule(now, address, { start: now, sent: 0 });
  }

  #withdraw(address: number): void {
    this.#held.delete(address);
    this.#repeats.delete(address);
    this.#refreshes.delete(address);
  }

  #sendDue(now: Instant, outputs: AnnouncerOutput[]): void {
    const repeated = this.#repeats.take(now);
    if (repeated !== undefined) this.#send(now, repeated, outputs);
    const refreshed = this.#refreshes.take(now);
    if (refreshed !== undefined) this.#send(now, refreshed, outputs);
  }

  #send(now: Instant, address: number, outputs: AnnouncerOutput[]): void {
    const progress = this.#held.get(address);
    if (progress === undefined) return;
    transmit(address, outputs);
    this.#schedule(now, address, { start: progress.start, sent: progress.sent + 1 });
  }

  #schedule(now: Instant, address: number, progress: Progress): void {
    this.#held.set(address, progress);
    const repeat = REPEATS[progress.sent];
    if (repeat !== undefined) this.#repeats.set(address, after(progress.start, repeat));
    else if (this.#options.refreshInterval > 0) {
      this.#refreshes.set(address, after(now, this.#options.refreshInterval));
    }
  }
}

function transmit(address: number, outputs: AnnouncerOutput[]): void {
  for (const form of FORMS) outputs.push({ kind: 'transmit', address, form });
}
