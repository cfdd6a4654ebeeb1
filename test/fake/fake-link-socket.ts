// A packet socket in memory: frames are put into it and what it transmits is kept, with the time.

import type { Clock, FilteredSocket, SourceFilter, TransmitResult } from '../../src/host/host.ts';
import type { Instant } from '../../src/time/instant.ts';

const BATCH = 48;
/** Where an Ethernet frame has its source. */
const SOURCE = 6;

export interface SentFrame {
  readonly at: Instant;
  readonly bytes: Uint8Array;
}

export class FakeLinkSocket implements FilteredSocket {
  readonly fd: number;
  readonly link: { readonly index: number; readonly name: string };
  /** What left the host, in order. */
  readonly sent: SentFrame[] = [];
  isClosed = false;
  foreignFrames = 0;
  kernelDrops = 0;
  /** As the kernel when the link's queue is full: nothing leaves. */
  isFull = false;
  /** Happens while the next frames are taken. */
  onFill: (() => void) | undefined;
  /** What else becomes of a frame that leaves the host. */
  onSent: (frame: Uint8Array) => void = () => {};
  readonly #clock: Clock;
  /** What poll knows of. */
  readonly #inbox: Uint8Array[] = [];
  /** What `fill` took and `receive` has not given out yet. */
  readonly #batch: Uint8Array[] = [];
  readonly #queue: Uint8Array[] = [];
  #sources: SourceFilter = { kind: 'Only', macs: [] };
  #isUp = true;
  #isBound = true;
  #hasError = false;

  constructor(fd: number, link: { readonly index: number; readonly name: string }, clock: Clock) {
    this.fd = fd;
    this.link = link;
    this.#clock = clock;
  }

  /** As the kernel: going down leaves an error that makes the socket readable until it is consumed. */
  setUp(isUp: boolean, exists: boolean): void {
    if (this.#isUp && !isUp) this.#hasError = true;
    this.#isUp = isUp;
    if (!exists) this.#isBound = false;
  }

  /** Frames that were delivered and not given out. */
  get waiting(): number {
    return this.#inbox.length + this.#batch.length;
  }

  get isReadable(): boolean {
    return this.#hasError || this.#inbox.length > 0;
  }

  setSources(sources: SourceFilter): void {
    this.#assertOpen();
    this.#sources = sources;
  }

  /** A frame arrives that the kernel lets in only from who is asked for. */
  offer(frame: Uint8Array): void {
    const { kind, macs } = this.#sources;
    const isListed = macs.some((mac) => mac.every((byte, i) => byte === frame[SOURCE + i]));
    if (isListed === (kind === 'Only')) this.deliver(frame);
  }

  /** A frame arrives. */
  deliver(frame: Uint8Array): void {
    if (this.#isUp && this.#isBound) this.#inbox.push(frame);
  }

  fill(): void {
    this.#assertOpen();
    if (this.#batch.length > 0) throw new Error(`fill socket on "${this.link.name}": frames are left`);
    this.#hasError = false;
    this.#batch.push(...this.#inbox.splice(0, BATCH));
    this.onFill?.();
    this.onFill = undefined;
  }

  receive(into: Uint8Array): number {
    this.#assertOpen();
    const frame = this.#batch.shift();
    if (frame === undefined) return 0;
    into.set(frame);
    return frame.length;
  }

  transmit(frame: Uint8Array, length: number): TransmitResult {
    this.#assertOpen();
    if (!this.#isUp || !this.#isBound) return 'Down';
    if (this.isFull) return 'Full';
    const bytes = frame.slice(0, length);
    this.sent.push({ at: this.#clock.now(), bytes });
    this.onSent(bytes);
    return 'Sent';
  }

  queue(frame: Uint8Array, length: number): void {
    this.#assertOpen();
    this.#queue.push(frame.slice(0, length));
  }

  flush(): number {
    return this.#queue.splice(0).filter((frame) => this.transmit(frame, frame.length) !== 'Sent').length;
  }

  takeDrops(): number {
    this.#assertOpen();
    const drops = this.kernelDrops;
    this.kernelDrops = 0;
    return drops;
  }

  isBound(): boolean {
    return this.#isBound;
  }

  close(): void {
    this.#assertOpen();
    if (this.#queue.length > 0)
      throw new Error(`close socket on "${this.link.name}": frames are queued, want flush`);
    this.isClosed = true;
  }

  #assertOpen(): void {
    if (this.isClosed) throw new Error(`use socket on "${this.link.name}": closed`);
  }
}
