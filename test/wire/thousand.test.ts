// A thousand held addresses on four links, judged from the LANs: who is answered where, and how fast they are announced.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Asker, now } from './asker.ts';
import type { Heard } from './asker-process.ts';
import { SKIP } from './bed.ts';
import { LanBed, nodeMac, vip } from './lan-bed.ts';
import { steady, WireProcess } from './wire-process.ts';

/** How many addresses are held on each LAN. */
const COUNTS = [400, 300, 200, 100];
const LANS = COUNTS.map((_, lan) => lan);

const addressesOn = (lan: number): readonly string[] =>
  Array.from({ length: COUNTS[lan] ?? 0 }, (_, n) => vip(lan, n));

interface Scene {
  readonly wire: WireProcess;
  readonly asker: Asker;
}

async function holdingAll(t: TestContext): Promise<Scene> {
  const bed = new LanBed(t, COUNTS.length);
  const wire = await WireProcess.holding(t, steady(bed.node), []);
  const asker = await Asker.start(t, bed, COUNTS.length);
  const addresses = LANS.flatMap(addressesOn);
  wire.want(addresses);
  await wire.until('all held', () => wire.held().length === addresses.length);
  return { wire, asker };
}

test('each is answered on its own link, and on no other', { skip: SKIP }, async (t) => {
  const { wire, asker } = await holdingAll(t);
  for (const lan of LANS) assert.equal(wire.heldOn(`eth${lan}`), COUNTS[lan]);
  // Each is asked for on every LAN.
  const everywhere = LANS.flatMap((asked) =>
    LANS.flatMap((lan) => addressesOn(lan).map((address) => ({ lan: asked, address, perSecond: 1 }))),
  );
  asker.ask(...everywhere);
  const answered = (): number => LANS.reduce((sum, lan) => sum + asker.answers(lan).length, 0);
  await asker.until('two answers for each', () => answered() >= 2000);
  asker.ask();
  await asker.mark();
  for (const lan of LANS) {
    const own = new Set(addressesOn(lan));
    const open = (): boolean => asker.unanswered(lan).some(({ address }) => own.has(address));
    await asker.until(`answers for all on LAN ${lan}`, () => !open());
    const heard = asker.answers(lan);
    assert.deepEqual(new Set(heard.map(({ address }) => address)), own);
    assert.deepEqual([...new Set(heard.map(({ mac }) => mac))], [nodeMac(lan)]);
  }
});

test('all are announced at once, then again at no more than 500 frames a second on a link', {
  skip: SKIP,
}, async (t) => {
  const { wire, asker } = await holdingAll(t);
  // Two forms, at 0, 0.1, 1.1, 2.2 and 3.3 s; the pace stretches that where there are many.
  const total = (lan: number): number => 10 * (COUNTS[lan] ?? 0);
  const heard = (lan: number): readonly Heard[] => asker.announcements(lan);
  for (const part of [0.5, 1])
    await asker.until('announcements', () => LANS.every((lan) => heard(lan).length >= part * total(lan)));
  for (const lan of LANS) {
    const first = heard(lan).slice(0, 2 * (COUNTS[lan] ?? 0));
    assert.deepEqual(new Set(first.map(({ address }) => address)), new Set(addressesOn(lan)));
    assert.equal(heard(lan).length, total(lan));
  }
  const repeats = heard(0).slice(2 * addressesOn(0).length);
  const [start = 0, end = 0] = [repeats.at(0)?.at, repeats.at(-1)?.at];
  const seconds = (end - start) / 1000;
  // The asker's clock adds a little; without the pace it would be twice as many.
  assert.ok(repeats.length / seconds <= 600, `${repeats.length} frames in ${seconds} s`);
  const { turns, transmitErrors } = await wire.counters();
  assert.ok(turns < 10_000, `${turns} turns`);
  assert.equal(transmitErrors, 0);
});

test('a flap of one link announces its addresses again, and those of no other', { skip: SKIP }, async (t) => {
  const bed = new LanBed(t, LANS.length);
  const wire = await WireProcess.holding(t, steady(bed.node), []);
  const asker = await Asker.start(t, bed, LANS.length);
  const few = LANS.flatMap((lan) => addressesOn(lan).slice(0, 10));
  wire.want(few);
  await asker.until('all repeats', () => LANS.every((lan) => asker.announcements(lan).length === 100));
  bed.ip('link set eth3 down');
  await wire.until('down', () => wire.held().length === 30);
  const since = now();
  bed.ip('link set eth3 up');
  await asker.until('announcements', () => asker.announcements(3, since).length >= 20);
  asker.ask(...[0, 1, 2].map((lan) => ({ lan, address: vip(lan, 0), perSecond: 100 })));
  for (const lan of [0, 1, 2]) {
    await asker.answered(lan);
    assert.deepEqual(asker.announcements(lan, since), []);
  }
});
