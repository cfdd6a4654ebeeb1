// Several wire workers on one LAN in virtual time: their heartbeats and ARP reach each other, their main threads can hang,
// and an API that can be away arbitrates their claims.

import assert from 'node:assert/strict';
import type { OwnershipRecord } from '../../src/election/record.ts';
import { seconds } from '../../src/time/duration.ts';
import { instant } from '../../src/time/instant.ts';
import type { HeartbeatSettings } from '../../src/wire-worker/heartbeat-settings.ts';
import { MainWatch } from '../../src/wire-worker/main-watch.ts';
import type { FromWorker, WantedAddress } from '../../src/wire-worker/messages.ts';
import { createPulseBuffer, Pulse } from '../../src/wire-worker/pulse.ts';
import { FakeWire, linkOf, wantedOf } from './fake-wire.ts';

/** So much time passes for one worker before it does for the next. */
const SLICE = 5;

type Claim = Extract<FromWorker, { readonly kind: 'claim' }>;

/** One key: its id, and what its 32 bytes are. */
export type Key = readonly [id: number, fill: number];

export class LanNode {
  readonly name: string;
  readonly number: number;
  readonly session: string;
  readonly pulse = new Pulse(createPulseBuffer());
  readonly wire: FakeWire;
  mac: string;
  isHung = false;
  /** Messages of the worker that its main thread has taken. */
  taken = 0;

  constructor(number: number, session: number) {
    this.number = number;
    this.name = `node${number}`;
    this.mac = `02:00:00:00:00:${10 + number}`;
    this.session = session.toString(16).padStart(16, '0');
    const mainWatch = new MainWatch(this.pulse, seconds(2));
    this.wire = new FakeWire([this.link()], { node: this.name, mainWatch, election: {} });
  }

  link(changes: Parameters<typeof linkOf>[0] = {}): ReturnType<typeof linkOf> {
    const addresses = [`10.77.0.${10 + this.number}/16`];
    return linkOf({ mac: this.mac, addresses, ...changes });
  }

  configure(active = 1, keys: readonly Key[] = [[1, 7]], clusterUid = 'uid-cluster'): void {
    const settings: HeartbeatSettings = {
      clusterUid,
      session: this.session,
      keys: keys.map(([id, fill]) => ({ id, secret: new Uint8Array(32).fill(fill) })),
      activeKey: active,
      intervalMs: 100,
      multiplier: 3,
    };
    this.wire.send({ kind: 'heartbeats', settings });
  }

  /** Uids of what it answers for. */
  held(): readonly string[] {
    return this.wire.held().map(({ uid }) => uid);
  }

  /** Heartbeats that were dropped, by reason; those of the first moments aside. */
  drops(): Readonly<Record<string, number>> {
    const { dropsByReason } = this.wire.counters().heartbeats;
    return Object.fromEntries(Object.entries(dropsByReason).filter(([, count]) => count > 0));
  }
}

export class FakeLan {
  readonly nodes: LanNode[] = [];
  isApiAway = false;
  /** Whether a frame from one node gets to another over the links of a name. */
  isJoined: (from: LanNode, to: LanNode, link: string) => boolean = () => true;
  /** Nodes that stand still as a whole; frames wait for them. */
  readonly asleep = new Set<LanNode>();
  /** Called after each slice of time. */
  watch: () => void = () => {};
  readonly #records = new Map<string, OwnershipRecord>();
  #plan: readonly WantedAddress[] = [];
  /** What each main thread has last told its worker to want, as text by uid. */
  readonly #told = new Map<LanNode, ReadonlyMap<string, string>>();
  #sessions = 0;

  constructor(count: number) {
    for (let number = 1; number <= count; number++) this.start(number);
    for (const node of this.nodes) node.configure();
    this.pass(1500);
  }

  /** A node comes; a former life of it must have been stopped. */
  start(number: number): LanNode {
    const node = new LanNode(number, 0x1000 + ++this.#sessions);
    const first = this.nodes[0];
    if (first !== undefined) node.wire.host.now = first.wire.host.now;
    node.wire.host.onHeartbeat = (link, frame) =>
      this.#carry({ from: node, link, frame }, ({ wire }) => wire.host.deliverHeartbeat(link, frame));
    node.wire.host.onArp = (link, frame) =>
      this.#carry({ from: node, link, frame }, ({ wire }) => wire.host.deliverArp(link, frame));
    this.nodes.push(node);
    this.live();
    return node;
  }

  stop(node: LanNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    node.wire.loop.close();
    this.#told.delete(node);
  }

  /** A node that stood still goes on; it is as late as the others are now. */
  wake(node: LanNode): void {
    this.asleep.delete(node);
    node.wire.host.now = instant(Math.max(...this.nodes.map(({ wire }) => wire.host.now)));
  }

  node(number: number): LanNode {
    const node = this.nodes.find((each) => each.number === number);
    assert.ok(node, `node${number} is there`);
    return node;
  }

  /** Tells the main threads that move whose Leases live. */
  live(names = this.nodes.map(({ name }) => name)): void {
    for (const { wire, isHung } of this.nodes) if (!isHung) wire.send({ kind: 'liveness', alive: names });
  }

  /** Every node is a candidate, in the order of its number. */
  want(...addresses: readonly string[]): void {
    const candidates = this.nodes.map(({ name }) => name);
    this.#plan = addresses.map((address) => wantedOf(address, { candidates }));
  }

  record(address: string): string {
    const { holder, epoch } = this.#recordOf(`uid-${address}`);
    return `${holder} ${epoch}`;
  }

  /** Names of the nodes that answer for an address. */
  holders(address: string): readonly string[] {
    return this.nodes.filter((node) => node.held().includes(`uid-${address}`)).map(({ name }) => name);
  }

  /** Lets milliseconds of virtual time pass for all. */
  pass(count: number): void {
    for (let passed = 0; passed < count; passed += SLICE) {
      const awake = this.nodes.filter((node) => !this.asleep.has(node));
      for (const node of awake) {
        if (!node.isHung) node.pulse.beatMain();
        node.wire.pass(SLICE);
      }
      for (const node of awake) if (!node.isHung) this.#work(node);
      this.watch();
    }
  }

  /** What the main thread of a node does: it writes the claims that were not withdrawn, and says what the record is. */
  #work(node: LanNode): void {
    if (this.isApiAway) return;
    const { messages } = node.wire;
    const claims = new Map<string, Claim>();
    for (; node.taken < messages.length; node.taken++) {
      const message = messages[node.taken];
      if (message?.kind === 'withdrawn') claims.delete(message.uid);
      if (message?.kind === 'claim') claims.set(message.uid, message);
    }
    for (const claim of claims.values()) this.#decide(node, claim);
    this.#tell(node);
  }

  #decide({ name, wire }: LanNode, { uid, epoch, previous }: Claim): void {
    const record = this.#recordOf(uid);
    // A claim of this node that was written meanwhile is one that it stands on top of.
    const isOurs = record.holder === name && record.epoch > previous && record.epoch < epoch;
    if (record.epoch !== previous && !isOurs) wire.send({ kind: 'refused', uid, epoch });
    else {
      this.#records.set(uid, { holder: name, epoch });
      wire.send({ kind: 'recorded', uid, epoch });
    }
  }

  /** Tells the worker what changed of what is wanted. */
  #tell(node: LanNode): void {
    const told = this.#told.get(node) ?? new Map<string, string>();
    const all = new Map(
      this.#plan.map((wanted) => [wanted.uid, { ...wanted, record: this.#recordOf(wanted.uid) }]),
    );
    const addresses = [...all.values()].filter((wanted) => told.get(wanted.uid) !== JSON.stringify(wanted));
    const dropped = [...told.keys()].filter((uid) => !all.has(uid));
    if (addresses.length + dropped.length === 0) return;
    this.#told.set(node, new Map(Array.from(all, ([uid, wanted]) => [uid, JSON.stringify(wanted)])));
    node.wire.send({ kind: 'want', isWhole: false, addresses, dropped });
  }

  #recordOf(uid: string): OwnershipRecord {
    return this.#records.get(uid) ?? { holder: undefined, epoch: 0 };
  }

  /** As a switch: a frame to a group goes to all, one to a MAC to who has it. */
  #carry({ from, link, frame }: Carried, deliver: (to: LanNode) => void): void {
    const isToGroup = ((frame[0] ?? 0) & 1) === 1;
    for (const to of this.nodes) {
      if (to === from || !this.isJoined(from, to, link)) continue;
      if (isToGroup || to.link().mac.every((byte, i) => byte === frame[i])) deliver(to);
    }
  }
}

interface Carried {
  readonly from: LanNode;
  readonly link: string;
  readonly frame: Uint8Array;
}
