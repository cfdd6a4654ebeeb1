// One virtual node: its power, its process with worker and main thread, and what can happen to them.

import { Agent } from './agent.ts';
import type { VirtualApi } from './api.ts';
import { HANG_TIMEOUT } from './settings.ts';
import { count, nodeName, type Surroundings, shortId } from './surroundings.ts';
import { type Report, Worker } from './worker.ts';

/** From one start of the process to its end. */
interface Life {
  readonly worker: Worker;
  readonly agent: Agent;
  readonly startedAt: number;
  isEnded: boolean;
  isLeaving: boolean;
  /** The main thread does not move: what is to do waits. */
  hangs: number;
  /** Since when it has hung, and until when it takes nothing after that. */
  hungAt: number;
  ableFrom: number;
  stalls: number;
  /** What is answered here reaches no pod. */
  isUnable: boolean;
  readonly tasks: (() => void)[];
}

/** How long a kube-proxy that is healthy again is not trusted. */
const RECOVERY = 2000;

/** How long one that leaves waits for others to take over. */
const LEAVING_LIMIT = 5000;

export class Node {
  readonly index: number;
  readonly id: bigint;
  readonly #around: Surroundings;
  readonly #api: VirtualApi;
  #life: Life | undefined;
  #isLinkUp = true;
  /** What the clock of this boot showed when virtual time began. */
  #clockAtZero: number;
  /** Up to this late at a deadline, in milliseconds. */
  lateness = 0;
  /** Who starts before that hangs until then. */
  hangsUntil = 0;
  isWatchStale = false;
  isListFailing = false;

  constructor(index: number, around: Surroundings, api: VirtualApi) {
    this.index = index;
    this.id = shortId(nodeName(index));
    this.#around = around;
    this.#api = api;
    this.#clockAtZero = Math.floor(around.random.between(20_000, 9_000_000));
  }

  get worker(): Worker | undefined {
    return this.#life?.worker;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  get isLeaving(): boolean {
    return this.#life?.isLeaving ?? false;
  }

  get isHung(): boolean {
    return (this.#life?.hangs ?? 0) > 0;
  }

  get isLinkUp(): boolean {
    return this.#isLinkUp;
  }

  /** Could take an address now, as far as it is up to this node alone. */
  get isAble(): boolean {
    const life = this.#life;
    if (life === undefined || life.isLeaving || life.isUnable || life.hangs > 0 || life.stalls > 0)
      return false;
    const { now } = this.#around.agenda;
    return this.#isLinkUp && life.agent.isSynced && now >= life.ableFrom;
  }

  answers(uid: string): boolean {
    return this.#life?.worker.answers(uid) ?? false;
  }

  /** The uids of all that is answered now. */
  get answered(): readonly string[] {
    const worker = this.#life?.worker;
    return worker?.isAnswering === true ? [...worker.answered.keys()] : [];
  }

  /** Starts the process, after power was off with a clock that begins anew. */
  start(isBoot = false): void {
    if (this.#life !== undefined) return;
    const { agenda, random, timeline } = this.#around;
    if (isBoot) this.#clockAtZero = Math.floor(random.between(5000, 40_000)) - Math.floor(agenda.now);
    timeline.note(nodeName(this.index), () => 'starts');
    const life = this.#make();
    this.#life = life;
    life.worker.setLink(this.#isLinkUp);
    this.setApiFaults();
    if (this.hangsUntil > agenda.now) this.hang(this.hangsUntil - agenda.now);
    agenda.after(random.between(50, 500), () => run(life, () => life.agent.start()));
  }

  #make(): Life {
    const { random, agenda } = this.#around;
    const session = BigInt(random.below(2 ** 32)) * 2n ** 20n + BigInt(1 + random.below(2 ** 20));
    const worker = new Worker(this.#around, {
      ...{ node: this.index, id: this.id, session, clockAtZero: this.#clockAtZero },
      report: (report) => this.#report(life, report),
      lateness: () => (this.lateness === 0 ? 0 : random.between(0, this.lateness)),
    });
    const agent = new Agent(this.#around, {
      ...{ node: this.index, api: this.#api, idOf: (node) => shortId(nodeName(node)) },
      run: (task) => run(life, task),
      post: (input) => worker.take(input),
      begin: () => worker.begin(),
      onLeft: () => {
        count(this.#around.counts, 'rule: left');
        this.#end(life, 'has left');
      },
    });
    const life: Life = {
      ...{ worker, agent, startedAt: agenda.now, isEnded: false, isLeaving: false },
      ...{ hangs: 0, hungAt: 0, ableFrom: 0, stalls: 0, isUnable: false, tasks: [] },
    };
    return life;
  }

  #report(life: Life, report: Report): void {
    run(life, () => life.agent.hear(report));
  }

  /** The process ends without a word: killed, or the power is off. */
  crash(how: string): void {
    if (this.#life !== undefined) this.#end(this.#life, how);
  }

  #end(life: Life, how: string): void {
    if (this.#life !== life) return;
    this.#around.timeline.note(nodeName(this.index), () => how);
    life.isEnded = true;
    this.#life = undefined;
    life.worker.end();
  }

  /** SIGSTOP, or suspend. */
  stall(duration: number): void {
    const life = this.#life;
    if (life === undefined) return;
    life.stalls++;
    life.worker.stall();
    this.#around.agenda.after(duration, () => {
      if (--life.stalls > 0 || life.isEnded) return;
      this.#around.timeline.note(nodeName(this.index), () => 'goes on');
      life.worker.resume();
      flush(life);
    });
  }

  /** The main thread does not move for some time; the worker notices, tells the machine, and waits until it trusts it again. */
  hang(duration: number): void {
    const life = this.#life;
    if (life === undefined) return;
    const { agenda, witness } = this.#around;
    if (life.hangs++ === 0) life.hungAt = agenda.now;
    witness.answersChanged(this.index);
    agenda.after(HANG_TIMEOUT / 2, () => this.#watchMain(life));
    agenda.after(HANG_TIMEOUT, () => this.#watchMain(life));
    agenda.after(duration, () => this.#move(life));
  }

  #move(life: Life): void {
    if (--life.hangs > 0) return;
    const { agenda } = this.#around;
    const wasHung = agenda.now - life.hungAt >= HANG_TIMEOUT;
    if (wasHung) life.ableFrom = agenda.now + HANG_TIMEOUT;
    this.#watchMain(life);
    if (wasHung) agenda.after(HANG_TIMEOUT, () => this.#watchMain(life));
    flush(life);
    this.#around.witness.answersChanged(this.index);
  }

  #watchMain(life: Life): void {
    if (life.isEnded) return;
    const { now } = this.#around.agenda;
    const age = life.hangs > 0 ? now - life.hungAt : 0;
    const isAble = age < HANG_TIMEOUT / 2 && now >= life.ableFrom;
    const { isUnable } = life;
    life.worker.take({ kind: 'self', isAble: isAble && !isUnable, isHung: age >= HANG_TIMEOUT, isUnable });
    this.#around.witness.answersChanged(this.index);
  }

  /** kube-proxy ends; the agent counts it as healthy again when it is started anew itself. */
  loseDataPlane(duration: number): void {
    const life = this.#life;
    if (life === undefined || life.isUnable) return;
    this.#setUnable(life, true);
    this.#around.agenda.after(duration, () => this.#setUnable(life, false));
  }

  #setUnable(life: Life, isUnable: boolean): void {
    run(life, () => {
      life.isUnable = isUnable;
      const ableFrom = this.#around.agenda.now + RECOVERY;
      if (!isUnable) life.ableFrom = Math.max(life.ableFrom, ableFrom);
      this.#watchMain(life);
      if (!isUnable) this.#around.agenda.after(RECOVERY, () => this.#watchMain(life));
    });
  }

  /** SIGTERM: hands over, and ends. */
  leave(): void {
    const life = this.#life;
    if (life === undefined || life.isLeaving) return;
    run(life, () => {
      if (life.isLeaving) return;
      life.isLeaving = true;
      this.#around.timeline.note(nodeName(this.index), () => 'leaves');
      life.agent.leave();
      this.#around.agenda.after(LEAVING_LIMIT, () => this.#end(life, 'leaves at last'));
    });
  }

  setLink(isUp: boolean): void {
    this.#isLinkUp = isUp;
    this.#life?.worker.setLink(isUp);
  }

  /** Hands on what is wrong between this node and the API. */
  setApiFaults(): void {
    const agent = this.#life?.agent;
    if (agent === undefined) return;
    if (agent.isWatchStale && !this.isWatchStale) agent.relist();
    agent.isWatchStale = this.isWatchStale;
    if (this.isListFailing) agent.relist();
    agent.isListFailing = this.isListFailing;
  }
}

function run(life: Life, task: () => void): void {
  if (life.isEnded) return;
  if (life.hangs > 0 || life.stalls > 0) life.tasks.push(task);
  else task();
}

function flush(life: Life): void {
  if (life.hangs > 0 || life.stalls > 0) return;
  for (const task of life.tasks.splice(0)) run(life, task);
}
