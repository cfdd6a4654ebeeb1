// The controller over random histories: Services and pools come, change and go, it is killed and started again, two of
// them work at once, one goes on after another leads, writes are refused. Whatever happens: no address twice, nobody loses
// one, nobody waits in vain, and nobody is served before who came first.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ADDRESS_POOL } from '../../src/kube/kinds.ts';
import { type Address, type Family, parseAddress, sameAddress } from '../../src/net/address.ts';
import { parseAddressRange } from '../../src/net/address-range.ts';
import { rankOf } from '../../src/plan/service-request.ts';
import type { ServiceView } from '../../src/plan/views.ts';
import type { VirtualIP } from '../../src/resource/virtual-ip.ts';
import type { Bed } from './bed.ts';
import {
  type Ask,
  EXCLUDABLE,
  GATEWAYS,
  History,
  type Holding,
  holdings,
  isFault,
  LAGGING,
  POOLS,
  RANGES,
  SERVICES,
  type Step,
} from './history.ts';

/** No two Services have one port of one address, and what is published is what is held. */
function checkUnique({ bed, violations, lost }: History): void {
  assert.deepEqual(violations, []);
  assert.deepEqual(lost, []);
  for (const { name, services } of bed.virtualIPs()) {
    const ports = services.flatMap((ref) => ref.ports.map(({ protocol, port }) => `${protocol}/${port}`));
    assert.equal(new Set(ports).size, ports.length, `${name} has a port twice`);
  }
  for (const { service, names } of holdings(bed).values()) {
    for (const { ip } of service.ingress)
      assert.ok(names.includes(ip ?? ''), `${service.name} publishes ${ip}`);
    const [allocated] = service.conditions;
    if (allocated?.status === 'True') assert.ok(names.length > 0, `${service.name} has nothing`);
  }
}

/**
 * Nobody who asked for nothing loses an address. But whoever starts anew does not know which of two sharers has changed so
 * that they do not fit any more: then the first one keeps it.
 */
function checkSticky(steps: readonly Step[], before: Holdings, after: Holdings): void {
  const isAnew = steps.some(isFault);
  for (const [uid, { service, names }] of before) {
    const isFreed = !after.has(uid) && steps.some(({ kind }) => kind === 'free');
    if (isFreed || isTouched(service, steps) || (isAnew && isSharing(service)) || isRenumbering(service))
      continue;
    const lost = names.filter((name) => !after.get(uid)?.names.includes(name));
    assert.deepEqual(lost, [], `${service.name} asked for nothing`);
  }
}

/** Its wish may come true at any time. What it publishes meanwhile is watched at each moment. */
const isRenumbering = ({ annotations }: ServiceView): boolean =>
  annotations['fairlead.io/renumber'] !== undefined;

type Holdings = ReadonlyMap<string, Holding>;

const isSharing = ({ annotations }: ServiceView): boolean =>
  annotations['fairlead.io/sharing-key'] !== undefined;

/** Of one that was there before; who creates it again does nothing. */
const isTouched = ({ name }: ServiceView, steps: readonly Step[]): boolean =>
  steps.some((one) => 'service' in one && one.kind !== 'create' && name === `s${one.service}`);

/** The families of which the Service has no address. */
function missing(bed: Bed, { service, names }: Holding): readonly Family[] {
  const own = bed.virtualIPs().filter(({ name }) => names.includes(name));
  return service.ipFamilies.filter((family) => own.every((one) => one.family !== family));
}

interface PoolObject {
  readonly spec: {
    readonly addresses: readonly string[];
    readonly exclude?: readonly string[];
    readonly disabled?: boolean;
  };
}

/** All addresses that a pool would give now, written down one by one. */
function giveable({ bed, gateways }: History): readonly Address[] {
  const taken = gateways.flatMap((text) => parseAddress(text) ?? []);
  const pools = [...bed.cluster.objects(ADDRESS_POOL).values()] as unknown as readonly PoolObject[];
  return pools.flatMap(({ spec: { addresses, exclude = [], disabled = false } }) => {
    const excluded = [...exclude.flatMap(membersOf), ...taken];
    const members = disabled ? [] : addresses.flatMap(membersOf);
    return members.filter((one) => !excluded.some((other) => sameAddress(one, other)));
  });
}

/** Nothing is given that no pool holds, or that is a gateway's; by who saw that. */
function checkFitting(history: History, { steps, known }: Past): void {
  if (steps.some(({ kind }) => kind === 'pool' || kind === 'gateways' || kind === 'stale')) return;
  const all = giveable(history);
  for (const { name, uid, address } of history.bed.virtualIPs()) {
    if (known.some((one) => one.uid === uid)) continue;
    assert.ok(
      all.some((one) => sameAddress(one, address)),
      `${name} is not to be given`,
    );
  }
}

function membersOf(text: string): readonly Address[] {
  const parsed = parseAddressRange(text);
  assert.ok(parsed.kind === 'range');
  const { family, first, last } = parsed.range;
  return Array.from({ length: Number(last - first) + 1 }, (_, i) => ({ family, value: first + BigInt(i) }));
}

/** Nobody waits for what is there: of all families that are missing, or with PreferDualStack of any. */
function checkComplete(history: History): void {
  const { bed } = history;
  const taken = bed.virtualIPs();
  const free = giveable(history).filter((one) => !taken.some(({ address }) => sameAddress(one, address)));
  for (const holding of holdings(bed).values()) {
    const { name, ipFamilyPolicy } = holding.service;
    const wanted = missing(bed, holding);
    const room = wanted.filter((family) => free.some((one) => one.family === family));
    const isInVain =
      room.length > 0 && (ipFamilyPolicy === 'PreferDualStack' || room.length === wanted.length);
    assert.ok(!isInVain, `${name} waits for ${wanted.join()}, of which there is ${room.join()}`);
  }
}

/** Nobody new is given an address that somebody older waited for all the time. */
function checkFair(bed: Bed, { steps, before, known }: Past): void {
  if (steps.some(isFault)) return;
  const after = holdings(bed);
  const waiting = [...before].flatMap(([uid, { service }]) => {
    const now = after.get(uid);
    return now === undefined || isTouched(service, steps) ? [] : now;
  });
  for (const { name, uid, family, services } of bed.virtualIPs()) {
    const had = known.some((one) => one.uid === uid);
    const first = after.get(services[0]?.uid ?? '')?.service;
    if (had || first === undefined) continue;
    // Whose wishes changed may have kept what it had; who shares comes to one who has an address, also on its way out.
    if ((before.has(first.uid) && isTouched(first, steps)) || isSharing(first)) continue;
    seen.turns += waiting.filter((one) => missing(bed, one).includes(family)).length;
    const passed = waiting.filter(
      (one) => String(missing(bed, one)) === family && rankOf(one.service) < rankOf(first),
    );
    assert.deepEqual(
      passed.map(({ service }) => service.name),
      [],
      `${first.name} has ${name} before who came first`,
    );
  }
}

interface Past {
  readonly steps: readonly Step[];
  readonly before: Holdings;
  readonly known: readonly VirtualIP[];
}

const ask: fc.Arbitrary<Ask> = fc.record({
  families: fc.constantFrom<Ask['families']>(['IPv4'], ['IPv4'], ['IPv6'], ['IPv4', 'IPv6']),
  policy: fc.constantFrom('PreferDualStack', 'RequireDualStack'),
  key: fc.constantFrom('', '', 'k'),
  port: fc.integer({ min: 80, max: 82 }),
});
const service = fc.nat(SERVICES - 1);
const renumber: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('renumber'),
  service,
  wish: fc.constantFrom('now', 'now', 'now', null),
});

const edit: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('create', 'change'), service, ask }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), service }) },
  { weight: 1, arbitrary: renumber },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pool'),
      pool: fc.constantFrom(...POOLS),
      ranges: fc.subarray([...RANGES]),
      exclude: fc.oneof(fc.constant([]), fc.subarray([...EXCLUDABLE])),
      disabled: fc.constantFrom(false, false, true),
    }),
  },
  fc.record({ kind: fc.constant('gateways'), gateways: fc.subarray([...GATEWAYS]) }),
);
const fault: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('kill', 'second', 'fence', 'catch-up') }),
  fc.record({ kind: fc.constant('stale'), misses: fc.subarray([...LAGGING]), writes: fc.nat(12) }),
  fc.record({
    kind: fc.constant('refuse'),
    after: fc.nat(4),
    code: fc.constantFrom('Conflict', 'Unreachable'),
  }),
);
const step = fc.oneof({ weight: 3, arbitrary: edit }, { weight: 1, arbitrary: fault });
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 6 });

/** Few addresses, and Services that want nothing but one of them. */
const SINGLE: Ask = { families: ['IPv4'], policy: 'PreferDualStack', key: '', port: 80 };
const scarce: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('create'), service, ask: fc.constant(SINGLE) }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'free' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), service }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pool'),
      pool: fc.constantFrom(...POOLS),
      ranges: fc.constantFrom([], ['10.77.0.53'], ['10.77.0.50-10.77.0.51']),
      exclude: fc.constantFrom([], ['10.77.0.51']),
      disabled: fc.constantFrom(false, false, true),
    }),
  },
);

/** Wishes for another address, while pools are edited and controllers are killed. */
const renumbering: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: renumber },
  { weight: 2, arbitrary: edit },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pool'),
      pool: fc.constantFrom(...POOLS),
      ranges: fc.constantFrom(['10.78.0.1-10.78.0.2'], ['10.77.0.50-10.77.0.59'], ['10.77.0.60-10.77.0.69']),
      exclude: fc.constant([]),
      disabled: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 2, arbitrary: fault },
);

/** How often there was something to check. */
const seen = { turns: 0, renumbered: 0, blocked: 0, waiting: 0, faulty: 0, faultless: 0, stale: 0, given: 0 };

async function checkRound(history: History, steps: readonly Step[]): Promise<void> {
  const { bed } = history;
  const past = { steps, before: holdings(bed), known: bed.virtualIPs() };
  for (const one of steps) await history.apply(one);
  await history.rest();
  checkUnique(history);
  bed.assertSound();
  checkSticky(steps, past.before, holdings(bed));
  checkComplete(history);
  checkFitting(history, past);
  checkFair(bed, past);
  count(bed, past);
}

function count(bed: Bed, { steps, known }: Past): void {
  seen[steps.some(isFault) ? 'faulty' : 'faultless']++;
  const services = [...holdings(bed).values()];
  const isMet = ({ service }: Holding) =>
    steps.some(
      (one) => one.kind === 'renumber' && one.wish === 'now' && service.name === `s${one.service}`,
    ) &&
    !isRenumbering(service) &&
    service.ingress.length > 0;
  seen.renumbered += services.filter(isMet).length;
  seen.blocked += services.filter(({ service }) => isRenumbering(service)).length;
  seen.stale += steps.filter(({ kind }) => kind === 'stale').length;
  seen.given += bed.virtualIPs().filter(({ uid }) => known.every((one) => one.uid !== uid)).length;
  seen.waiting += [...holdings(bed).values()].filter((one) => missing(bed, one).length > 0).length;
}

test('unique, sticky, complete and fair, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const history = new History();
      await history.begin();
      for (const steps of all) await checkRound(history, steps);
      await checkEnd(history);
    }),
    { numRuns: 90 },
  );
  for (const what of ['waiting', 'faulty', 'faultless', 'stale', 'given'] as const)
    assert.ok(seen[what] >= 20, `${what}: ${seen[what]} times only`);
});

test('in order of creation where there is not enough for all, with one controller or with two', async () => {
  const first = fc.shuffledSubarray(
    Array.from({ length: SERVICES }, (_, i) => i),
    { minLength: 4 },
  );
  const few = fc.array(fc.array(scarce, { minLength: 1, maxLength: 2 }), { minLength: 4, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), first, few, async (...[areTwo, created, all]) => {
      const history = new History();
      await history.begin();
      if (areTwo) await history.apply({ kind: 'second' });
      history.bed.pool('a', '10.77.0.53');
      for (const index of created) await history.apply({ kind: 'create', service: index, ask: SINGLE });
      await history.rest();
      for (const steps of all) await checkRound(history, steps);
    }),
    { numRuns: 25 },
  );
  assert.ok(seen.turns >= 15, `${seen.turns} turns only`);
});

test('renumbered without a moment in which nothing of its own is published and answered for', async () => {
  const first = fc.shuffledSubarray(
    Array.from({ length: SERVICES }, (_, i) => i),
    { minLength: 2 },
  );
  const many = fc.array(fc.array(renumbering, { minLength: 1, maxLength: 4 }), {
    minLength: 2,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(first, many, async (created, all) => {
      const history = new History();
      await history.begin();
      for (const index of created) await history.apply({ kind: 'create', service: index, ask: SINGLE });
      await history.rest();
      for (const steps of all) await checkRound(history, steps);
      await checkEnd(history);
    }),
    { numRuns: 40 },
  );
  for (const what of ['renumbered', 'blocked'] as const)
    assert.ok(seen[what] >= 20, `${what}: ${seen[what]} times only`);
});

/** With room for everybody nobody waits; and without Services nothing is left. */
async function checkEnd({ bed }: History): Promise<void> {
  if (bed.cluster.objects(ADDRESS_POOL).has('b')) bed.cluster.remove(ADDRESS_POOL, { name: 'b' });
  bed.poolWith('a', { addresses: ['10.77.0.50-10.77.0.99', 'fd77::/120'], exclude: null, disabled: false });
  await bed.pass(12_000);
  for (const { service: each, names } of holdings(bed).values()) {
    assert.ok(!isRenumbering(each), `${each.name} is still to be renumbered`);
    assert.equal(names.length, each.ipFamilies.length, `${each.name} has ${names.join()}`);
  }
  for (const { service: each } of holdings(bed).values()) bed.deleteService(each.name);
  await bed.pass(12_000);
  assert.deepEqual(bed.virtualIPs(), []);
  assert.equal(holdings(bed).size, 0);
}
