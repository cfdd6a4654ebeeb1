// A Service that asks for another address gets it, is found at it, and only then leaves the one that is published; and where
// it can not have it, it stays where it is and says why.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_OPTIONS } from '../../src/cloudprovider/deps.ts';
import { ADDRESS_POOL } from '../../src/kube/kinds.ts';
import { seconds } from '../../src/time/duration.ts';
import { type Bed, bedOf, type Running } from './bed.ts';
import { watchPublished } from './published.ts';

const OVERLAP = DEFAULT_OPTIONS.replacementOverlap;
const RENUMBER = { 'fairlead.io/renumber': 'now' };
const REPLACED = 'fairlead.io/replaced-addresses';

interface Started {
  readonly bed: Bed;
  readonly running: Running;
  /** Nothing that must never be was at any moment. */
  readonly assertSound: () => void;
}

/** One Service `shop` at 10.77.0.50, unless it asks for something else. */
async function started(spec: object = {}, annotations: Record<string, string> = {}): Promise<Started> {
  const bed = bedOf();
  const lost = watchPublished(bed);
  const running = await bed.start();
  bed.createService('shop', spec, { annotations });
  await bed.settle();
  const assertSound = () => {
    bed.assertSound();
    assert.deepEqual(lost, []);
  };
  return { bed, running, assertSound };
}

const ipsOf = (bed: Bed, name = 'shop') =>
  bed
    .service(name)
    .ingress.map(({ ip }) => ip)
    .join();
const namesOf = (bed: Bed) =>
  bed
    .virtualIPs()
    .map(({ name }) => name.replace('fd77-0-0-0-0-0-0-', 'fd77::'))
    .sort()
    .join();
const conditionOf = (bed: Bed, type: string) =>
  bed.service('shop').conditions.find((condition) => condition.type === `fairlead.io/${type}`);
const replacing = (bed: Bed) => {
  const condition = conditionOf(bed, 'Replacing');
  return condition && `${condition.reason}: ${condition.message}`;
};
const warnings = ({ events }: Running, reason: string) =>
  events.filter((event) => event.startsWith(`Warning ${reason}`));
/** The pool from which it is to go, and the one that it is to go to. */
const moveOn = (bed: Bed, ...next: readonly string[]) => {
  bed.poolWith('default', { disabled: true });
  bed.pool('next', ...next);
};

test('the new address is published beside the old one, and after the overlap alone', async () => {
  const { bed, running, assertSound } = await started();
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.51,10.77.0.50');
  assert.equal(bed.service('shop').annotations['fairlead.io/renumber'], undefined);
  assert.equal(bed.service('shop').annotations[REPLACED], '10.77.0.50');
  assert.equal(replacing(bed), undefined);
  await bed.pass(OVERLAP - 2000);
  assert.equal(ipsOf(bed), '10.77.0.51,10.77.0.50', 'it lasts');
  await bed.pass(3000);
  assert.equal(ipsOf(bed), '10.77.0.51');
  assert.equal(namesOf(bed), '10.77.0.51');
  assert.equal(bed.service('shop').annotations[REPLACED], undefined);
  assert.deepEqual(warnings(running, ''), []);
  bed.cluster.writes.length = 0;
  await bed.pass(10_000);
  assert.deepEqual(bed.cluster.writes, [], 'it is at rest');
  assertSound();
});

test('without an overlap the old address goes when the new one is published', async () => {
  const bed = bedOf();
  const lost = watchPublished(bed);
  await bed.start({ replacementOverlap: seconds(0) });
  bed.createService('shop');
  await bed.settle();
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.51', '10.77.0.51']);
  assert.deepEqual(lost, []);
});

test('onto a pool that no node can announce: it stays, says why, and moves when a node can', async () => {
  const { bed, running, assertSound } = await started();
  moveOn(bed, '10.78.0.1');
  bed.annotate('shop', RENUMBER);
  await bed.pass(OVERLAP + 5000);
  assert.equal(ipsOf(bed), '10.77.0.50');
  const why =
    'NoCandidates: 10.77.0.50 published until replaced: 10.78.0.1 can not be announced: n1, n2 without an Up link in its subnet';
  assert.equal(replacing(bed), why);
  assert.deepEqual(warnings(running, 'Replacing'), [`Warning Replacing web/shop: ${why}`]);
  assert.deepEqual(bed.service('shop').annotations['fairlead.io/renumber'], 'now', 'it is tried on');
  bed.announcer('n2', ['10.77.0.12/24', '10.78.0.12/24']);
  await bed.settle();
  assert.equal(ipsOf(bed), '10.78.0.1,10.77.0.50');
  assert.equal(replacing(bed), undefined);
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.78.0.1', '10.78.0.1']);
  assertSound();
});

test('a pool that nobody can announce, drained again: another one gives the address, and nothing is left over', async () => {
  const { bed, assertSound } = await started();
  moveOn(bed, '10.78.0.1');
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  assert.equal(namesOf(bed), '10.77.0.50,10.78.0.1');
  bed.poolWith('next', { disabled: true });
  await bed.settle();
  assert.match(
    replacing(bed) ?? '',
    /^PoolDisabled: 10.77.0.50 published until replaced: default, next is being/,
  );
  bed.pool('last', '10.77.0.90');
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.90', '10.77.0.90']);
  assertSound();
});

test('an address that its holder finds in use by others is not published', async () => {
  const { bed, running, assertSound } = await started();
  for (const node of ['n1', 'n2']) bed.silent.add(node);
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  const message = '02:00:00:00:00:66 answers for 10.77.0.51';
  const conflict = { type: 'Announced', status: 'False', reason: 'Conflict', message };
  bed.claim('10.77.0.51', 'n1', [{ ...conflict, lastTransitionTime: '2026-12-01T10:00:00Z' }]);
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.50');
  assert.equal(replacing(bed), `Conflict: 10.77.0.50 published until replaced: ${message}`);
  assert.equal(warnings(running, 'Replacing').length, 1);
  bed.claim('10.77.0.51', 'n1', []);
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.51,10.77.0.50');
  assertSound();
});

const REFUSED: Readonly<Record<string, (bed: Bed) => void>> = {
  PoolDisabled: (bed) => bed.poolWith('default', { disabled: true }),
  QuotaExceeded: (bed) => bed.poolWith('default', { quota: { perNamespace: 1 } }),
  PoolsExhausted: (bed) => bed.poolWith('default', { addresses: ['10.77.0.50'] }),
  NamespaceNotAllowed: (bed) => bed.poolWith('default', { namespaces: ['other'] }),
};
for (const [code, edit] of Object.entries(REFUSED)) {
  test(`${code}: it stays, says why, keeps the wish, and has it when that ends`, async () => {
    const { bed, running, assertSound } = await started();
    edit(bed);
    bed.annotate('shop', RENUMBER);
    await bed.pass(10_000);
    assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.50', '10.77.0.50']);
    assert.equal(conditionOf(bed, 'Allocated')?.reason, code);
    assert.match(replacing(bed) ?? '', new RegExp(`^${code}: 10.77.0.50 published until replaced: `));
    assert.equal(warnings(running, 'Replacing').length, 1);
    assert.equal(bed.service('shop').annotations['fairlead.io/renumber'], 'now');
    bed.pool('other', '10.77.0.90');
    await bed.settle();
    assert.equal(ipsOf(bed), '10.77.0.90,10.77.0.50');
    assertSound();
  });
}

test('the wish that is taken back before the new address is published leaves everything as it was', async () => {
  const { bed, assertSound } = await started();
  moveOn(bed, '10.78.0.1');
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  assert.equal(namesOf(bed), '10.77.0.50,10.78.0.1');
  bed.annotate('shop', { 'fairlead.io/renumber': null });
  await bed.settle();
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.50', '10.77.0.50']);
  assert.equal(replacing(bed), undefined);
  assertSound();
});

test('a request that can not be read in the middle publishes and takes nothing', async () => {
  const { bed, assertSound } = await started();
  moveOn(bed, '10.78.0.1');
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  bed.annotate('shop', { 'fairlead.io/count': 'many' });
  bed.announcer('n2', ['10.77.0.12/24', '10.78.0.12/24']);
  await bed.pass(5000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.50', '10.77.0.50,10.78.0.1']);
  assert.equal(conditionOf(bed, 'Allocated')?.reason, 'InvalidRequest');
  bed.annotate('shop', { 'fairlead.io/count': null });
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.78.0.1', '10.78.0.1']);
  assertSound();
});

test('renumbered again in the overlap: to a third address, not back to the first', async () => {
  const { bed, assertSound } = await started();
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.52,10.77.0.51,10.77.0.50');
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.52', '10.77.0.52']);
  assertSound();
});

test('a controller that is killed in the overlap: the next one goes on with it, and ends it', async () => {
  const { bed, running, assertSound } = await started();
  bed.annotate('shop', RENUMBER);
  await bed.pass(OVERLAP / 2);
  bed.kill(running);
  await bed.start();
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.51,10.77.0.50');
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.51', '10.77.0.51']);
  assertSound();
});

test('the Service deleted in the overlap, or before it, leaves nothing', async () => {
  for (const next of ['10.77.0.90', '10.78.0.1']) {
    const { bed, assertSound } = await started();
    moveOn(bed, next);
    bed.annotate('shop', RENUMBER);
    await bed.settle();
    assert.equal(bed.virtualIPs().length, 2);
    bed.deleteService('shop');
    await bed.settle();
    assert.deepEqual([bed.hasService('shop'), namesOf(bed)], [false, '']);
    assertSound();
  }
});

test('several addresses are replaced together, when all are answered for', async () => {
  const { bed, assertSound } = await started({}, { 'fairlead.io/count': '2' });
  for (const node of ['n1', 'n2']) bed.silent.add(node);
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  bed.claim('10.77.0.52', 'n1');
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.50,10.77.0.51');
  assert.match(
    replacing(bed) ?? '',
    /^Pending: 10.77.0.50, 10.77.0.51 published until replaced: no node answers for 10.77.0.53/,
  );
  bed.claim('10.77.0.53', 'n2');
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.52,10.77.0.53,10.77.0.50,10.77.0.51');
  bed.silent.clear();
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.52,10.77.0.53', '10.77.0.52,10.77.0.53']);
  assertSound();
});

const DUAL = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' };

test('with two families, of which one was never there, the other is renumbered, once', async () => {
  const { bed, assertSound } = await started(DUAL);
  bed.annotate('shop', RENUMBER);
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.51', '10.77.0.51']);
  assert.equal(bed.service('shop').annotations['fairlead.io/renumber'], undefined);
  assertSound();
});

test('two families that are published change together or not at all', async () => {
  const { bed, running } = await started();
  bed.pool('silent', '10.77.1.1-10.77.1.9', 'fd77::1');
  bed.poolWith('silent', { announce: false });
  bed.createService('both', DUAL, { annotations: { 'fairlead.io/pool': 'silent' } });
  await bed.settle();
  assert.equal(ipsOf(bed, 'both'), '10.77.1.1,fd77::1');
  bed.annotate('both', RENUMBER);
  await bed.pass(5000);
  assert.equal(ipsOf(bed, 'both'), '10.77.1.1,fd77::1');
  assert.match(warnings(running, 'Replacing').join(), /PoolsExhausted: 10.77.1.1, fd77::1 published until/);
  bed.poolWith('silent', { addresses: ['10.77.1.1-10.77.1.9', 'fd77::1-fd77::2'] });
  await bed.pass(OVERLAP + 1000);
  assert.equal(ipsOf(bed, 'both'), '10.77.1.2,fd77::2');
  bed.assertSound();
});

test('an address that is asked for, and a pool, are moved to in the same way', async () => {
  const { bed, assertSound } = await started();
  bed.pool('far', '10.78.0.1-10.78.0.9');
  bed.annotate('shop', { 'fairlead.io/pool': 'far' });
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.50');
  assert.match(replacing(bed) ?? '', /^NoCandidates: 10.77.0.50 published until replaced: 10.78.0.1 can not/);
  bed.annotate('shop', { 'fairlead.io/pool': null, 'fairlead.io/addresses': '10.77.0.55' });
  await bed.settle();
  assert.equal(ipsOf(bed), '10.77.0.55,10.77.0.50');
  assert.equal(namesOf(bed), '10.77.0.50,10.77.0.55');
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.55', '10.77.0.55']);
  assertSound();
});

test('the address that it is asked to have and to leave stays', async () => {
  const { bed, assertSound } = await started({}, { 'fairlead.io/addresses': '10.77.0.50' });
  bed.annotate('shop', RENUMBER);
  await bed.pass(5000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.50', '10.77.0.50']);
  assert.equal(bed.service('shop').annotations['fairlead.io/renumber'], undefined);
  assertSound();
});

test('what somebody writes about replaced addresses takes none away', async () => {
  const { bed, assertSound } = await started();
  bed.annotate('shop', { [REPLACED]: '10.77.0.50' });
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.50', '10.77.0.50']);
  assert.equal(bed.service('shop').annotations[REPLACED], undefined);
  assertSound();
});

test('two controllers at once take one new address', async () => {
  const { bed, assertSound } = await started();
  await bed.start();
  bed.annotate('shop', RENUMBER);
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.51', '10.77.0.51']);
  assertSound();
});

test('a pool that is deleted: the Service leaves it when another one comes', async () => {
  const { bed, assertSound } = await started();
  bed.cluster.remove(ADDRESS_POOL, { name: 'default' });
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  assert.match(replacing(bed) ?? '', /^NoPool: /);
  bed.pool('next', '10.77.0.90');
  await bed.pass(OVERLAP + 1000);
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.90', '10.77.0.90']);
  assertSound();
});

test('a family that no pool has is not the reason why the other one waits', async () => {
  const { bed, assertSound } = await started(DUAL);
  moveOn(bed, '10.78.0.1');
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  assert.match(replacing(bed) ?? '', /^NoCandidates: 10.77.0.50 published until replaced: 10.78.0.1 can not/);
  assertSound();
});

test('a Service that can not be renumbered is given the family that it lacks', async () => {
  const { bed, assertSound } = await started(DUAL);
  bed.poolWith('default', { disabled: true });
  bed.annotate('shop', RENUMBER);
  await bed.settle();
  bed.pool('six', 'fd77::1');
  await bed.settle();
  assert.deepEqual([ipsOf(bed), namesOf(bed)], ['10.77.0.50', '10.77.0.50,fd77::1']);
  assert.match(replacing(bed) ?? '', /^(PoolDisabled|FamilyUnavailable): 10.77.0.50 published until/);
  assertSound();
});
