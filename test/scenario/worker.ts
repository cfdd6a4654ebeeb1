// The wire worker of one virtual node: the machine under test with what its loop will do around it. It turns outputs
// into frames, answers for what was announced, and knows when the process itself was stopped.

import { Elector, type ElectorInput, type ElectorOutput } from '../../src/election/elector.ts';
import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { type Instant, instant } from '../../src/time/instant.ts';
import { countRules } from './rules.ts';
import { DETECTION, electorOptions, INTERVAL, LINK, MULTIPLIER } from './settings.ts';
import { count, nodeName, type Surroundings } from './surroundings.ts';

/** What comes out of the worker for its main thread. */
export type Report = Extract<
  ElectorOutput,
  { readonly kind: 'claim' | 'withdraw' | 'left' | 'announce' | 'revoked' }
>;

export interface WorkerOptions {
  readonly node: number;
  readonly id: bigint;
  readonly session: bigint;
  /** What the node's clock shows at the beginning of virtual time. */
  readonly clockAtZero: number;
  readonly report: (report: Report) => void;
  /** By how much the loop is late at a deadline. */
  readonly lateness: () => number;
}

/** Asked twice, 40 ms apart, with as long to wait for the second answer. */
const PROBE_TIME = 80;
/** What the socket of a stopped process holds, in frames. */
const SOCKET_BUFFER = 500;
/** Timeouts that may follow each other in one instant: more is a machine that does not serve its own deadline. */
const LOOP_LIMIT = 20;

export class Worker {
  readonly #around: Surroundings;
  readonly #options: WorkerOptions;
  readonly #elector: Elector;
  /** What is answered, with the epoch announced last. */
  readonly answered = new Map<string, number>();
  /** Queued ARP was thrown away, and nothing is answered until then. */
  #mutedUntil = 0;
  #stalledAt: number | undefined;
  #isEnded = false;
  #isLinkUp = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #frames: { readonly from: number; readonly frame: HeartbeatFrame }[] = [];
  #messages: ElectorInput[] = [];

  constructor(around: Surroundings, options: WorkerOptions) {
    this.#around = around;
    this.#options = options;
    this.#elector = new Elector(electorOptions(options.id));
  }

  get isStalled(): boolean {
    return this.#stalledAt !== undefined;
  }

  get session(): bigint {
    return this.#options.session;
  }

  /** Whether a request for the address would be answered now. */
  answers(uid: string): boolean {
    return this.isAnswering && this.answered.has(uid);
  }

  get isAnswering(): boolean {
    const { now } = this.#around.agenda;
    return !this.#isEnded && this.#stalledAt === undefined && this.#isLinkUp && now >= this.#mutedUntil;
  }

  setLink(isUp: boolean): void {
    this.#isLinkUp = isUp;
    this.take({ kind: 'link', link: LINK, isOpen: isUp });
    this.#around.witness.answersChanged(this.#options.node);
  }

  /** Heartbeats begin: the key is known. */
  begin(): void {
    const { session } = this.#options;
    this.take({ kind: 'identity', identity: { session, interval: INTERVAL, multiplier: MULTIPLIER } });
  }

  end(): void {
    this.#isEnded = true;
    this.#around.witness.answersChanged(this.#options.node);
  }

  /** The process is stopped, until `resume`. */
  stall(): void {
    this.#stalledAt ??= this.#around.agenda.now;
    this.#around.witness.answersChanged(this.#options.node);
  }

  /** As the loop does it: the gap first, then what the main thread said, then the queued heartbeats, then timers. */
  resume(): void {
    if (this.#stalledAt === undefined || this.#isEnded) return;
    const { agenda, witness, counts } = this.#around;
    const isGap = agenda.now - this.#stalledAt > DETECTION;
    this.#stalledAt = undefined;
    if (isGap) {
      count(counts, 'rule: gap');
      this.#mutedUntil = agenda.now + INTERVAL;
      agenda.at(this.#mutedUntil, () => witness.answersChanged(this.#options.node));
      this.#step({ kind: 'gap' });
    }
    const [messages, frames] = [this.#messages, this.#frames];
    [this.#messages, this.#frames] = [[], []];
    for (const message of messages) this.#step(message);
    for (const { from, frame } of frames) this.#hear(from, frame);
    this.#wake();
    witness.answersChanged(this.#options.node);
  }

  /** From the main thread, or from the links. */
  take(input: ElectorInput): void {
    if (this.#isEnded) return;
    if (this.#stalledAt !== undefined) this.#messages.push(input);
    else this.#step(input);
  }

  receive(from: number, frame: HeartbeatFrame): void {
    if (this.#isEnded || !this.#isLinkUp) return;
    if (this.#stalledAt === undefined) this.#hear(from, frame);
    else if (this.#frames.length < SOCKET_BUFFER) this.#frames.push({ from, frame });
  }

  #hear(from: number, frame: HeartbeatFrame): void {
    this.#step({ kind: 'frame', link: LINK, frame });
    this.#around.witness.heard(from, this.#options.node, frame);
  }

  #clock(): Instant {
    return instant(this.#around.agenda.now + this.#options.clockAtZero);
  }

  #step(input: Parameters<Elector['step']>[1]): void {
    const outputs = this.#elector.step(this.#clock(), input);
    for (const output of outputs) this.#perform(output);
    this.#setAlarm();
  }

  #setAlarm(): void {
    const deadline = this.#elector.deadline();
    if (deadline === undefined) return;
    const { agenda } = this.#around;
    const at = Math.max(deadline - this.#options.clockAtZero, agenda.now);
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    agenda.at(at + this.#options.lateness(), () => {
      if (this.#wakeAt === at) this.#wake();
    });
  }

  #wake(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    if (this.#isEnded || this.#stalledAt !== undefined) return;
    for (let i = 0; this.#isDue(); i++) {
      if (i === LOOP_LIMIT) throw new Error(`${nodeName(this.#options.node)}: a deadline that is not served`);
      this.#step({ kind: 'timeout' });
    }
    this.#setAlarm();
  }

  #isDue(): boolean {
    const deadline = this.#elector.deadline();
    return deadline !== undefined && deadline <= this.#clock();
  }

  #perform(output: ElectorOutput): void {
    switch (output.kind) {
      case 'transmit':
        return this.#transmit(output);
      case 'drop':
        return count(this.#around.counts, `drop: ${output.reason}`);
      case 'probe':
        return this.#probe(output.uid);
      case 'announce':
        return this.#announce(output);
      case 'withdraw':
        return this.#withdraw(output);
      case 'peer':
        return;
      default:
        return this.#options.report(output);
    }
  }

  #announce(output: Extract<ElectorOutput, { readonly kind: 'announce' }>): void {
    const { node, report } = this.#options;
    const { uid, epoch } = output;
    this.#note(() => `announces ${uid} at ${epoch}`);
    this.answered.set(uid, epoch);
    if (this.#isLinkUp) this.#around.witness.announced(node, uid, epoch);
    this.#around.witness.answersChanged(node);
    report(output);
  }

  #withdraw(output: Extract<ElectorOutput, { readonly kind: 'withdraw' }>): void {
    const { node, report } = this.#options;
    const { uid, reason } = output;
    count(this.#around.counts, `rule: withdraw ${reason}`);
    this.#note(() => `withdraws ${uid}: ${reason}`);
    if (this.answered.delete(uid)) this.#around.witness.answersChanged(node);
    report(output);
  }

  #transmit(output: Extract<ElectorOutput, { readonly kind: 'transmit' }>): void {
    const { node, id, session } = this.#options;
    const { flags, sequence, multiplier, claimsDigest, body, to } = output;
    if (multiplier !== MULTIPLIER) count(this.#around.counts, 'rule: more patience asked');
    countRules(this.#around.counts, body);
    const frame: HeartbeatFrame = {
      ...{ keyId: 1, flags, clusterId: 7n, nodeId: id, session, sequence },
      ...{ receiverSession: to?.session ?? 0n, interval: INTERVAL, multiplier },
      ...{ mainAge: milliseconds(0), claimsDigest, body },
    };
    this.#around.witness.sent(node, frame);
    this.#around.lan.transmit(node, frame, to?.nodeId);
  }

  #probe(uid: string): void {
    const { agenda, lan, network, counts } = this.#around;
    const { node } = this.#options;
    agenda.after(PROBE_TIME, () => {
      const isAnswered = lan.isAnsweredFor(node, uid);
      const hasGateway = network.areJoined(node, network.gateway);
      const [address, gateway] = [isAnswered, hasGateway].map((is) => (is ? 'Answered' : 'Silent')) as [
        'Answered' | 'Silent',
        'Answered' | 'Silent',
      ];
      count(counts, `rule: probe, address ${address}, gateway ${gateway}`);
      this.#note(() => `probed ${uid}: address ${address}, gateway ${gateway}`);
      this.take({ kind: 'probed', uid, address, gateway });
    });
  }

  #note(text: () => string): void {
    this.#around.timeline.note(nodeName(this.#options.node), text);
  }
}
