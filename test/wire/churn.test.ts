// A wire worker in ceaseless change: want lists, links, addresses, claims and traffic, as fast as they go. In the end it
// has as many descriptors as at the beginning and no more memory, and its quiet link has answered every request.
//
// FAIRLEAD_CHURN is the duration in seconds; `FAIRLEAD_CHURN=600 node --test test/wire/churn.test.ts` for ten minutes.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ToWorker, WantedAddress } from '../../src/wire-worker/messages.ts';
import { wantAll } from '../fake/fake-wire.ts';
import { Asker, now } from './asker.ts';
import { runBatch, SKIP } from './bed.ts';
import { LanBed, nodeMac, vip } from './lan-bed.ts';
import { steady, WireProcess } from './wire-process.ts';
import type { Weight } from './worker-process.ts';

const DURATION_MS = 1000 * Number(process.env.FAIRLEAD_CHURN ?? 60);
/** Before this part of the time has passed, code is still being compiled and every table being filled. */
const WARM_UP = 0.2;

const MEGABYTE = 1 << 20;
/** What a heap may differ by: measured are some tens of kilobytes up and down. A leak of 100 bytes a round is more. */
const HEAP_BOUND = MEGABYTE;
/** Of memory outside the heaps the allocator and the compiler keep some for themselves: 9 to 27 MB were measured. */
const RESIDENT_BOUND = 40 * MEGABYTE;

const WANTED = 100;

const ROUNDS_PER_FLAP = 50;

/** mulberry32: the same numbers from the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** LAN 0 is quiet, on LAN 1 everything happens. */
class Churn {
  readonly bed: LanBed;
  readonly wire: WireProcess;
  readonly asker: Asker;
  readonly #random: (below: number) => number;
  round = 0;

  constructor(bed: LanBed, wire: WireProcess, asker: Asker) {
    this.bed = bed;
    this.wire = wire;
    this.asker = asker;
    this.#random = randomFrom(20_261_121);
  }

  static async start(t: TestContext): Promise<Churn> {
    const bed = new LanBed(t, 2);
    const wire = await WireProcess.holding(t, steady(bed.node), []);
    wire.send(wantAll(wanted('quiet', vip(0))));
    await wire.until('the quiet one held', () => wire.held().length === 1);
    const asker = await Asker.start(t, bed, 2);
    const others = Array.from({ length: 10 }, (_, n) => ({ lan: 1, address: vip(1, n), perSecond: 20 }));
    asker.ask({ lan: 0, address: vip(0), perSecond: 100 }, ...others);
    await asker.answered(0, 10);
    return new Churn(bed, wire, asker);
  }

  /** One round; over when the worker has handled it. */
  async turn(): Promise<void> {
    this.round++;
    this.#wantOthers();
    runBatch(this.bed.node, this.#changes());
    await this.wire.counters();
    for (const claim of this.wire.all('claim')) this.wire.send(this.#verdict(claim));
    this.wire.lines.length = 0;
  }

  /** Most under uids of their own, some that were there in the last round. */
  #wantOthers(): void {
    const others = Array.from({ length: WANTED }, (_, n) => {
      const age = this.#random(4) === 0 ? 0 : this.round;
      return wanted(`uid-${age}-${n}`, vip(1, this.#random(500)));
    });
    this.wire.send(wantAll(wanted('quiet', vip(0)), ...others));
  }

  #verdict({ uid, epoch }: { readonly uid: string; readonly epoch: number }): ToWorker {
    const isRefused = uid !== 'quiet' && this.#random(3) === 0;
    return { kind: isRefused ? 'refused' : 'recorded', uid, epoch };
  }

  /** Links and addresses that come, change and go, each back in its place at the end. */
  #changes(): readonly string[] {
    const pod = `pod${this.round}`;
    const down = ['link set eth1 down', 'link set eth1 up'];
    const changes = [
      [`link set eth1 address ${nodeMac(1, this.#random(200))}`],
      ['link set eth1 name other', 'link set other name eth1'],
      ['addr add 10.81.0.12/24 dev eth1', 'addr del 10.81.0.12/24 dev eth1'],
      ['link set eth1 mtu 1400', 'link set eth1 mtu 1500'],
    ];
    // A link that comes up is listened to for half a second before anything is claimed there.
    const isFlap = this.round % ROUNDS_PER_FLAP === 0;
    return [
      `link add ${pod} type veth peer name p${pod}`,
      `link set p${pod} up`,
      `addr add 10.81.99.1/${24 + this.#random(8)} dev ${pod}`,
      `link set ${pod} up`,
      ...((isFlap ? undefined : changes[this.#random(changes.length)]) ?? down),
      `link del ${pod}`,
    ];
  }

  /** Has the link of LAN 1 deleted and made again. */
  replaceLink(): void {
    this.bed.ip('link del eth1');
    this.bed.connect(1, { name: 'eth1', mac: nodeMac(1, this.#random(200)) });
  }

  async weigh(): Promise<Weight> {
    this.wire.send(wantAll(wanted('quiet', vip(0))));
    await this.wire.counters();
    // Weighing takes memory itself, which the allocator keeps: the second time it is the same as ever after.
    await this.#weighOnce();
    return this.#weighOnce();
  }

  #weighOnce(): Promise<Weight> {
    this.wire.lines.length = 0;
    this.wire.command({ kind: 'weigh' });
    return this.wire.line('weight');
  }
}

function wanted(uid: string, address: string): WantedAddress {
  return {
    uid,
    name: address,
    createdAt: 0,
    address,
    candidates: ['node1'],
    record: { holder: undefined, epoch: 0 },
    interfaces: [],
  };
}

async function turnFor(churn: Churn, milliseconds: number): Promise<void> {
  const end = now() + milliseconds;
  for (let round = 0; now() < end; round++) {
    await churn.turn();
    if (round % 120 === 0) churn.replaceLink();
  }
}

test('churn costs no descriptors and no memory, and disturbs nobody else', {
  skip: SKIP,
  timeout: 2 * DURATION_MS + 120_000,
}, async (t) => {
  const churn = await Churn.start(t);
  await turnFor(churn, WARM_UP * DURATION_MS);
  const before = await churn.weigh();
  const warm = churn.round;
  await turnFor(churn, (1 - WARM_UP) * DURATION_MS);
  const after = await churn.weigh();
  t.diagnostic(`rounds ${warm} + ${churn.round - warm}`);
  t.diagnostic(`before ${JSON.stringify(before)}`);
  t.diagnostic(`after  ${JSON.stringify(after)}`);
  assert.equal(after.descriptors, before.descriptors);
  for (const heap of ['workerHeap', 'workerExternal', 'mainHeap', 'mainExternal'] as const)
    assert.ok(after[heap] - before[heap] < HEAP_BOUND, `${heap}: ${before[heap]}, then ${after[heap]}`);
  assert.ok(after.resident - before.resident < RESIDENT_BOUND, 'resident memory');
  await churn.asker.finish([0]);
  const answers = churn.asker.answers(0);
  assert.deepEqual([...new Set(answers.map(({ mac }) => mac))], [nodeMac(0)]);
  assert.ok(answers.length > DURATION_MS / 20, `${answers.length} answers`);
  assert.ok(churn.asker.answers(1).length > 0, 'and what changes is answered at times');
});
