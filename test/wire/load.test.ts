// Changes of a link under a steady load of requests, judged from the LANs: what comes after the change is right, what
// must not be disturbed is not, and another link never is.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Asker, now } from './asker.ts';
import { run, SKIP } from './bed.ts';
import { LanBed, nodeMac, vip } from './lan-bed.ts';
import { steady, WireProcess } from './wire-process.ts';

/** Asked for on each of the two LANs. */
const PER_SECOND = 1000;
const CHANGED_MAC = nodeMac(0, 1);

interface Scene {
  readonly bed: LanBed;
  readonly wire: WireProcess;
  readonly asker: Asker;
}

/** Two LANs with an address each, both asked for: everything happens to the link of LAN 0, nothing to that of LAN 1. */
async function underLoad(t: TestContext): Promise<Scene> {
  const bed = new LanBed(t, 2);
  const wire = await WireProcess.holding(t, steady(bed.node), [vip(0), vip(1)]);
  const asker = await Asker.start(t, bed, 2);
  asker.ask(...[0, 1].map((lan) => ({ lan, address: vip(lan), perSecond: PER_SECOND })));
  for (const lan of [0, 1]) await asker.answered(lan, 200);
  return { bed, wire, asker };
}

/** Every request on LAN 1 was answered, with its MAC; on LAN 0 every one that was sent at `since` or later. */
async function isRightSince({ asker }: Scene, since: number, mac = nodeMac(0)): Promise<void> {
  for (const lan of [0, 1]) await asker.answered(lan, 200);
  asker.ask();
  await asker.finish([1]);
  await asker.finish([0], since);
  assert.deepEqual(macs(asker.answers(1)), [nodeMac(1)]);
  assert.deepEqual(macs(asker.answers(0, since)), [mac]);
}

const macs = (heard: readonly { readonly mac: string }[]): readonly string[] => [
  ...new Set(heard.map(({ mac }) => mac)),
];

/** Waits until the address was announced after `since`; every announcement since then has the one MAC. */
async function announcedSince({ asker }: Scene, since: number, mac = nodeMac(0)): Promise<void> {
  await asker.until('announcement', () => asker.announcements(0, since).length > 0);
  assert.deepEqual(macs(asker.announcements(0, since)), [mac]);
}

test('another name disturbs nothing', { skip: SKIP }, async (t) => {
  const scene = await underLoad(t);
  scene.bed.ip('link set eth0 name lan-a');
  await scene.wire.until('other name', () => scene.wire.heldOn('lan-a') === 1);
  await isRightSince(scene, 0);
  const { repliesByLink, transmitErrors } = await scene.wire.counters();
  assert.ok((repliesByLink['lan-a'] ?? 0) > 100, 'counted under its new name');
  assert.equal(transmitErrors, 0);
});

test('another MTU disturbs nothing', { skip: SKIP }, async (t) => {
  const scene = await underLoad(t);
  const reports = (): readonly number[] =>
    scene.wire.all('links').flatMap(({ links }) => links.map(({ mtu }) => mtu));
  for (const mtu of [1400, 9000, 68]) {
    scene.bed.ip(`link set eth0 mtu ${mtu}`);
    await scene.wire.until(`MTU ${mtu}`, () => reports().includes(mtu));
  }
  await isRightSince(scene, 0);
});

test('another MAC is answered with from the next request on, and announced', { skip: SKIP }, async (t) => {
  const scene = await underLoad(t);
  for (let version = 1; version <= 20; version++) {
    const mac = nodeMac(0, version);
    scene.bed.ip(`link set eth0 address ${mac}`);
    const since = now();
    await announcedSince(scene, since, mac);
    await scene.asker.answered(0, 50);
    assert.deepEqual(macs(scene.asker.answers(0, since)), [mac], `change ${version}`);
  }
  await scene.asker.finish([0, 1]);
  assert.deepEqual(macs(scene.asker.answers(1)), [nodeMac(1)]);
});

test('a link that was down answers when it is up, and is announced', { skip: SKIP }, async (t) => {
  const scene = await underLoad(t);
  scene.bed.ip('link set eth0 down');
  await scene.wire.until('down', () => scene.wire.heldOn('eth0') === 0);
  const since = now();
  scene.bed.ip('link set eth0 up');
  const first = await scene.asker.answered(0);
  await announcedSince(scene, since);
  await isRightSince(scene, first.request.at);
});

test('a cable that was pulled and put back answers, and is announced', { skip: SKIP }, async (t) => {
  const scene = await underLoad(t);
  run('ip', '-n', scene.bed.lans, 'link', 'set', 'port0', 'down');
  await scene.wire.until('no carrier', () => scene.wire.heldOn('eth0') === 0);
  const since = now();
  run('ip', '-n', scene.bed.lans, 'link', 'set', 'port0', 'up');
  const first = await scene.asker.answered(0);
  await announcedSince(scene, since);
  await isRightSince(scene, first.request.at);
});

for (const how of ['another index', 'its old index'] as const)
  test(`a link that is deleted and made again with ${how} answers with its new MAC`, {
    skip: SKIP,
  }, async (t) => {
    const scene = await underLoad(t);
    const before = scene.bed.index('eth0');
    scene.bed.ip('link del eth0');
    const index = how === 'its old index' ? before : 100;
    const since = now();
    scene.bed.connect(0, { name: 'eth0', index, mac: CHANGED_MAC });
    const first = await scene.asker.answered(0);
    assert.equal(scene.bed.index('eth0'), index);
    await announcedSince(scene, since, CHANGED_MAC);
    await isRightSince(scene, first.request.at, CHANGED_MAC);
  });

test('a link that was in another namespace for a while answers when it is back', {
  skip: SKIP,
}, async (t) => {
  const scene = await underLoad(t);
  const index = scene.bed.index('eth0');
  scene.bed.ip(`link set eth0 netns ${scene.bed.elsewhere}`);
  await scene.wire.until('gone', () => scene.wire.heldOn('eth0') === 0);
  run('ip', '-n', scene.bed.elsewhere, 'link', 'set', 'eth0', 'netns', scene.bed.node);
  scene.bed.ip('addr add 10.80.0.11/16 dev eth0', 'link set eth0 up');
  assert.equal(scene.bed.index('eth0'), index);
  const first = await scene.asker.answered(0);
  await isRightSince(scene, first.request.at);
});

test('an address that moves between links is answered on one of them only', { skip: SKIP }, async (t) => {
  const scene = await underLoad(t);
  const shared = '10.90.0.50';
  scene.bed.ip('addr add 10.90.0.11/16 dev eth0', 'addr add 10.90.0.12/16 dev eth1');
  const wanted = [vip(0), vip(1), shared];
  scene.wire.want(wanted, ['eth0', 'eth1']);
  await scene.wire.until('held on eth0', () => scene.wire.heldOn('eth0') === 2);
  const asked = [0, 1].map((lan) => ({ lan, address: shared, perSecond: PER_SECOND }));
  scene.asker.ask(...asked);
  await scene.asker.answered(0, 200);
  assert.deepEqual(
    scene.asker.answers(1).filter(({ address }) => address === shared),
    [],
  );
  // The longer prefix draws it to the other link.
  scene.bed.ip('addr add 10.90.0.13/24 dev eth1');
  await scene.asker.answered(1, 200);
  const moved = scene.asker.announcements(1).find(({ address }) => address === shared);
  assert.ok(moved !== undefined, 'announced where it is now');
  assert.deepEqual(scene.asker.answers(0, moved.at), []);
  scene.bed.ip('addr del 10.90.0.13/24 dev eth1');
  const back = await scene.asker.answered(0, 200);
  assert.deepEqual(scene.asker.answers(1, back.request.at), []);
});

test('after a storm of changes everything is as the last one made it', { skip: SKIP }, async (t) => {
  const scene = await underLoad(t);
  const { bed } = scene;
  for (let round = 1; round <= 10; round++) {
    bed.ip(
      'link set eth0 down',
      `link set eth0 name x${round}`,
      `link set x${round} address ${nodeMac(0, round)}`,
    );
    bed.ip(`link set x${round} up`, `link del x${round}`);
    bed.connect(0, { name: 'eth0', mac: nodeMac(0, 99 - round) });
  }
  const last = nodeMac(0, 89);
  const since = now();
  const first = await scene.asker.answered(0);
  assert.deepEqual(macs(scene.asker.answers(0, since)), [last]);
  await isRightSince(scene, first.request.at, last);
  const { turns } = await scene.wire.counters();
  assert.ok(turns < 60_000, `${turns} turns`);
});
