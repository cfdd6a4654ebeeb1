// A virtual cluster: nodes with the machine under test, their network, their API, the faults that strike them, and a
// judge. Everything that happens in it follows from its seed.

import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { Agenda } from './agenda.ts';
import { addressOf, VirtualApi } from './api.ts';
import { Judge } from './judge.ts';
import { Network } from './network.ts';
import { Node } from './node.ts';
import { Random } from './random.ts';
import { type Effect, Strikes } from './strikes.ts';
import { type Counts, count, type Lan, nodeName, type Surroundings } from './surroundings.ts';
import { Timeline } from './timeline.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly isTold: boolean;
  readonly counts: Counts;
}

/** A fault as it strikes. */
export interface Blow {
  readonly kind: string;
  readonly effect: Effect;
  readonly nodes?: readonly number[];
  readonly uid?: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly text?: string;
  /** The rule that has been in effect if no address has moved meanwhile. */
  readonly ifNothingMoved?: string;
  /** Takes the duration, which may have been cut short. */
  readonly begin: (duration: number) => void;
  readonly end?: () => void;
}

export class World implements Lan {
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly network: Network;
  readonly api: VirtualApi;
  readonly nodes: readonly Node[];
  readonly strikes: Strikes;
  readonly judge: Judge;
  readonly timeline: Timeline;
  readonly counts: Counts;

  constructor({ seed, nodes, isTold, counts }: WorldOptions) {
    const now = (): number => this.agenda.now;
    this.counts = counts;
    this.random = new Random(seed);
    this.network = new Network(nodes, this.random);
    this.api = new VirtualApi(this.agenda, this.random);
    this.timeline = new Timeline(isTold, now);
    this.strikes = new Strikes(now);
    const { agenda, random, network, api, timeline, strikes } = this;
    const list: Node[] = [];
    this.judge = new Judge({ nodes: list, api, network, strikes, counts, timeline, now });
    const witness = this.judge;
    const around: Surroundings = { agenda, random, network, counts, timeline, witness, lan: this };
    for (let i = 0; i < nodes; i++) list.push(new Node(i, around, api));
    this.nodes = list;
  }

  node(index: number): Node {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`no node ${index}`);
    return node;
  }

  /** Whatever makes all main threads hang makes those hang that start meanwhile. */
  hangStarters(duration: number): void {
    for (const node of this.nodes) node.hangsUntil = this.agenda.now + duration;
  }

  run(end: number): void {
    this.agenda.run(end);
  }

  strike(blow: Blow): void {
    const { kind, effect, nodes, uid, duration, begin, end } = blow;
    const from = this.agenda.now;
    this.strikes.add({ kind, effect, nodes, uid, from, to: from + duration });
    count(this.counts, `fault: ${kind}`);
    const whom = `${nodes?.map(nodeName) ?? ''} ${uid ?? ''} ${blow.text ?? ''}`;
    this.timeline.note('FAULT', () => `${kind} ${whom} for ${(duration / 1000).toFixed(2)} s`);
    begin(duration);
    this.judge.look();
    const { moves } = this.judge;
    this.agenda.after(duration, () => {
      this.timeline.note('FAULT', () => `end of ${kind} ${whom}`);
      if (blow.ifNothingMoved !== undefined && moves === this.judge.moves)
        count(this.counts, `rule: ${blow.ifNothingMoved}, nothing moved`);
      end?.();
      this.judge.look();
    });
  }

  transmit(from: number, frame: HeartbeatFrame, to: bigint | undefined): void {
    if (this.network.isFair) {
      this.agenda.after(this.network.passage, () => this.#deliverAll(from, frame, to));
      return;
    }
    for (const { index, id } of this.nodes) {
      if (index === from || (to !== undefined && id !== to)) continue;
      for (const delay of this.network.fate())
        this.agenda.after(delay, () => this.#deliver(from, frame, index));
    }
  }

  #deliverAll(from: number, frame: HeartbeatFrame, to: bigint | undefined): void {
    for (const { index, id } of this.nodes)
      if (index !== from && (to === undefined || id === to)) this.#deliver(from, frame, index);
  }

  #deliver(from: number, frame: HeartbeatFrame, to: number): void {
    if (this.network.passes(from, to)) this.nodes[to]?.worker?.receive(from, frame);
  }

  isAnsweredFor(node: number, uid: string): boolean {
    const address = addressOf(uid);
    const others = this.nodes.filter(({ index }) => index !== node && this.network.areJoined(node, index));
    return others.some(({ answered }) => answered.some((each) => addressOf(each) === address));
  }
}
