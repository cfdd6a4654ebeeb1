// A small cluster around several Ownership machines: an API that arbitrates claims, watches that lag, liveness that may
// be wrong, heartbeats that come late or not at all, nodes that crash, hang and leave. It checks what must hold at every
// step and counts what happened.

import assert from 'node:assert/strict';
import type { OwnershipInput, OwnershipOutput } from '../../src/election/ownership.ts';
import type { Timeout } from '../../src/protocol/machine.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { after, instant } from '../../src/time/instant.ts';
import { type Node, nodeOf, type Store } from './ownership-node.ts';

/** What happened at least once over all runs, by name. */
export type Counts = Map<string, number>;

export class OwnershipWorld {
  readonly #names: readonly string[];
  readonly #nodes = new Map<string, Node>();
  readonly #history: Store[] = [];
  readonly #counts: Counts;
  readonly #removals = new Map<string, number>();
  /** The highest epoch that anybody announced. */
  readonly #highest = new Map<string, number>();
  #store: Store = new Map();
  #now = instant(0);

  constructor(names: readonly string[], counts: Counts) {
    this.#names = names;
    this.#counts = counts;
    this.#commit(new Map());
    for (const name of names) this.start(name);
  }

  /** Starts or restarts a node; an earlier life of it ends, its claims in flight are lost. */
  start(name: string): void {
    this.#nodes.set(name, nodeOf(name, this.#history.length - 1));
  }

  crash(name: string): void {
    if (this.#nodes.delete(name)) this.#count('crash');
  }

  leave(name: string): void {
    const node = this.#nodes.get(name);
    if (node?.isHung === false) node.inbox.push({ kind: 'leave' });
  }

  /** The node's main thread hangs, and its worker has noticed. */
  hang(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined || node.isHung) return;
    node.isHung = true;
    this.#become(node, false);
    this.#count('hang');
  }

  /** The main thread moves again, and takes what has come for it meanwhile; the node is not able yet. */
  move(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    node.isHung = false;
    node.inbox.push(...node.answers.splice(0));
  }

  /** Has moved for long enough. */
  recover(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined || node.isHung || node.isAble) return;
    this.#become(node, true);
    this.#count('recover');
  }

  #become(node: Node, isAble: boolean): void {
    node.isAble = isAble;
    this.#step(node, { kind: 'able', isAble });
    this.#hearAll(node);
  }

  /** A heartbeat of the node goes to all others. */
  beat(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    const { isHung, machine } = node;
    for (const other of this.#nodes.values()) {
      const by = { isByHung: isHung, winsTies: name < other.name };
      const claims = machine.held().map((held) => ({ ...held, ...by }));
      if (other !== node) other.air.push({ from: name, isHung, claims });
    }
  }

  /** The node hears the oldest heartbeat that is on its way to it. */
  hear(name: string): void {
    const node = this.#nodes.get(name);
    const beat = node?.air.shift();
    if (node === undefined || beat === undefined) return;
    node.heard.set(beat.from, beat);
    this.#step(node, { kind: 'claimed', claims: beat.claims });
    this.#tellHung(node);
  }

  /** The oldest heartbeat on its way to the node is lost. */
  lose(name: string): void {
    this.#nodes.get(name)?.air.shift();
  }

  #tellHung(node: Node): void {
    const hung = [...node.heard.values()].filter(({ isHung }) => isHung);
    this.#step(node, { kind: 'hung', nodes: hung.map(({ from }) => from) });
  }

  /** What the peers that live were last heard claiming. */
  #hearAll(node: Node): void {
    for (const { from, claims } of node.heard.values())
      if (this.#nodes.has(from)) this.#step(node, { kind: 'claimed', claims });
  }

  /** The controller creates or re-plans an address. */
  plan(name: string, candidates: readonly string[]): void {
    const uid = this.#uidOf(name);
    const record = this.#store.get(uid)?.record ?? { holder: undefined, epoch: 0 };
    this.#commit(new Map(this.#store).set(uid, { uid, candidates, record }));
  }

  remove(name: string): void {
    const store = new Map(this.#store);
    if (!store.delete(this.#uidOf(name))) return;
    this.#removals.set(name, (this.#removals.get(name) ?? 0) + 1);
    this.#commit(store);
  }

  /** An address that is made again under the same name has another uid. */
  #uidOf(name: string): string {
    return `${name}-${this.#removals.get(name) ?? 0}`;
  }

  /** The node's watch shows it some more of the history, not always all. */
  watch(name: string, steps: number): void {
    const node = this.#nodes.get(name);
    if (node === undefined || node.isHung) return;
    node.watched = Math.min(node.watched + steps, this.#history.length - 1);
    node.inbox.push(...this.#wanted(node, this.#history[node.watched] ?? new Map()));
  }

  /** The node is told who lives; `mistaken` are called dead although they live. */
  tell(name: string, mistaken: readonly string[]): void {
    const alive = [...this.#nodes.values()].filter((node) => !node.isLeaving).map((node) => node.name);
    const node = this.#nodes.get(name);
    if (node?.isHung === false)
      node.inbox.push({ kind: 'liveness', alive: alive.filter((each) => !mistaken.includes(each)) });
  }

  /** The API decides on the node's oldest claim. */
  decide(name: string): void {
    const node = this.#nodes.get(name);
    const claim = node?.claims.shift();
    if (node === undefined || claim === undefined) return;
    const answers = node.isHung ? node.answers : node.inbox;
    const { uid, epoch, previous } = claim;
    const stored = this.#store.get(uid);
    if (stored?.record.epoch !== previous) {
      answers.push({ kind: 'refused', uid, epoch });
      // What won is read and passed on, ahead of the watch.
      const shown = new Map(this.#history[node.watched]);
      if (stored !== undefined) shown.set(uid, stored);
      answers.push(...this.#wanted(node, shown));
      this.#count(node.isHung ? 'refused while hanging' : 'refused');
      return;
    }
    assert.ok(epoch > previous, 'a claim raises the epoch');
    this.#commit(new Map(this.#store).set(uid, { ...stored, record: { holder: name, epoch } }));
    answers.push({ kind: 'recorded', uid, epoch });
    if (node.isHung) this.#count('recorded while hanging');
  }

  /** The node's machine takes its next input. */
  deliver(name: string): void {
    const node = this.#nodes.get(name);
    const input = node?.inbox.shift();
    if (node !== undefined && input !== undefined) this.#step(node, input);
  }

  /** Time passes; machines whose deadlines it reaches get their timeouts on time. */
  pass(length: number): void {
    const end = after(this.#now, milliseconds(length));
    for (;;) {
      const due = [...this.#nodes.values()]
        .map((node) => ({ node, deadline: node.machine.deadline() }))
        .filter(({ deadline }) => deadline !== undefined && deadline <= end)
        .sort((a, b) => (a.deadline ?? 0) - (b.deadline ?? 0))[0];
      if (due?.deadline === undefined) break;
      this.#now = due.deadline;
      this.#hearAll(due.node);
      this.#step(due.node, { kind: 'timeout' });
      const next = due.node.machine.deadline();
      assert.ok(next === undefined || next > this.#now, 'a deadline that its timeout did not serve');
    }
    this.#now = end;
  }

  /** No main thread hangs any more. */
  moveAll(): void {
    for (const name of this.#names) {
      this.move(name);
      this.#drain(name);
    }
  }

  /** No more faults, but for main threads that hang: everybody sees and hears everything, until nothing changes. */
  settle(): void {
    for (let round = 0; round < 40; round++) {
      const before = this.#fingerprint();
      for (const name of this.#names) {
        this.watch(name, this.#history.length);
        this.tell(name, []);
        this.#drain(name);
      }
      this.#beatAll();
      for (const name of this.#names) this.recover(name);
      this.pass(1000);
      for (const name of this.#names) {
        while ((this.#nodes.get(name)?.claims.length ?? 0) > 0) this.decide(name);
        this.#drain(name);
      }
      if (this.#fingerprint() === before) return;
    }
    assert.fail('no rest after 40 rounds without faults');
  }

  /** Everybody hears everybody, and has forgotten who is not there. */
  #beatAll(): void {
    for (const node of this.#nodes.values()) {
      node.air.length = 0;
      for (const from of node.heard.keys()) if (!this.#nodes.has(from)) node.heard.delete(from);
      this.#tellHung(node);
    }
    for (const name of this.#names) this.beat(name);
    for (const node of this.#nodes.values()) while (node.air.length > 0) this.hear(node.name);
  }

  /** What must hold when nothing changes any more. */
  checkRest(): void {
    for (const [uid, { candidates, record }] of this.#store) {
      const holders = [...this.#nodes.values()].filter((node) => this.#holds(node, uid) !== undefined);
      assert.ok(holders.length <= 1, `${uid} is held by ${holders.map(({ name }) => name)}`);
      const able = candidates.filter((name) => this.#isAble(name));
      if (able.length > 0) assert.equal(holders.length, 1, `${uid} is held by nobody, able: ${able}`);
      const [holder] = holders;
      if (holder === undefined) continue;
      if (able.length > 0) assert.ok(!holder.isHung, `${uid} is held by ${holder.name}, which hangs`);
      if (!holder.isHung) assert.deepEqual(record, { holder: holder.name, epoch: this.#holds(holder, uid) });
      const resort = holder.isHung ? 'held by one that hangs' : 'held by the last resort';
      this.#count(able.length > 0 ? 'held at rest' : resort);
    }
    for (const node of this.#nodes.values()) {
      if (node.isHung) continue;
      for (const { uid } of node.machine.held()) assert.ok(this.#store.has(uid), 'held after its removal');
      if (node.isLeaving) assert.equal(node.hasLeft, node.machine.held().length === 0);
    }
  }

  #isAble(name: string): boolean {
    const node = this.#nodes.get(name);
    return node !== undefined && !node.isLeaving && node.isAble;
  }

  #drain(name: string): void {
    while ((this.#nodes.get(name)?.inbox.length ?? 0) > 0) this.deliver(name);
  }

  #fingerprint(): string {
    const held = [...this.#nodes].map(([name, { machine, isLeaving }]) => [name, isLeaving, machine.held()]);
    return JSON.stringify([held, [...this.#store]]);
  }

  #holds(node: Node, uid: string): number | undefined {
    return node.machine.held().find((held) => held.uid === uid)?.epoch;
  }

  /**
   * What names the node as a candidate or as the recorded holder, and what it holds: a watch that still shows the record
   * from before the node's own claim, but already a plan without it, would otherwise release what the API just gave.
   * Of that the machine is told what changed since it was told last.
   */
  #wanted(node: Node, store: Store): readonly OwnershipInput[] {
    const held = new Set(node.machine.held().map(({ uid }) => uid));
    const wanted = [...store.values()].filter(({ uid, candidates, record }) => {
      return candidates.includes(node.name) || record.holder === node.name || held.has(uid);
    });
    const uids = new Set(wanted.map(({ uid }) => uid));
    const changed = wanted.filter((stored) => node.told.get(stored.uid) !== stored);
    const dropped = [...node.told.keys()].filter((uid) => !uids.has(uid));
    for (const uid of dropped) node.told.delete(uid);
    for (const stored of changed) node.told.set(stored.uid, stored);
    if (changed.length + dropped.length === 0) return [];
    this.#count(dropped.length > 0 ? 'dropped' : 'changed');
    const addresses = changed.map((stored) => ({ ...stored, name: stored.uid }));
    return [{ kind: 'want', addresses, dropped }];
  }

  #commit(store: Store): void {
    for (const [uid, { record }] of store) {
      const before = this.#store.get(uid)?.record;
      assert.ok(before === undefined || record.epoch >= before.epoch, 'the epoch of a record went back');
    }
    this.#store = store;
    this.#history.push(store);
  }

  #step(node: Node, input: OwnershipInput | Timeout): void {
    if (input.kind === 'leave') node.isLeaving = true;
    if (input.kind === 'recorded') node.recorded.set(input.uid, input.epoch);
    const outputs = node.machine.step(this.#now, input);
    for (const output of outputs) this.#perform(node, output);
    if (outputs.length > 0) this.#checkRecorded();
  }

  #perform(node: Node, output: OwnershipOutput): void {
    switch (output.kind) {
      case 'announce':
        assert.ok(!node.isLeaving, 'a leaving node announces');
        assert.ok(node.isAble, 'a node that is not able announces');
        assert.ok(output.epoch >= (node.announced.get(output.uid) ?? 0), 'an announced epoch went back');
        node.announced.set(output.uid, output.epoch);
        this.#highest.set(output.uid, Math.max(output.epoch, this.#highest.get(output.uid) ?? 0));
        break;
      case 'claim':
        assert.equal(this.#holds(node, output.uid), output.epoch, 'claimed but not held');
        node.claims.push(output);
        this.#count('claim');
        break;
      case 'withdraw':
        this.#checkWithdrawal(node, output.uid);
        this.#count(node.isLeaving ? `${output.reason} while leaving` : output.reason);
        if (!node.isAble) this.#count(`${output.reason} while unable`);
        break;
      case 'left':
        assert.ok(node.isLeaving && !node.hasLeft && node.machine.held().length === 0);
        node.hasLeft = true;
        this.#count('left');
    }
  }

  /**
   * Make before break: a recorded holder lets go only when somebody else's claim is recorded, or nobody wants it; one that
   * hangs, when somebody else has announced it.
   */
  #checkWithdrawal(node: Node, uid: string): void {
    const epoch = node.recorded.get(uid);
    const record = this.#store.get(uid)?.record;
    if (epoch === undefined || epoch !== node.announced.get(uid) || record === undefined) return;
    if (!node.isAble && (this.#highest.get(uid) ?? 0) > epoch) return;
    assert.ok(
      record.epoch > epoch,
      `${node.name} lets go of ${uid} at ${epoch}, the record is at ${record.epoch}`,
    );
  }

  /** At most one machine holds an address with a recorded claim of the same epoch. */
  #checkRecorded(): void {
    const seen = new Set<string>();
    for (const node of this.#nodes.values()) {
      for (const { uid, epoch } of node.machine.held()) {
        if (node.recorded.get(uid) !== epoch) continue;
        assert.ok(!seen.has(`${uid}/${epoch}`), `two hold ${uid} at the recorded epoch ${epoch}`);
        seen.add(`${uid}/${epoch}`);
      }
    }
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}
