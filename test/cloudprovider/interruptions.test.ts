// The controller interrupted at every request it makes: killed before or after it is carried out, answered with an
// error, or overtaken by a deletion. Whatever happens, the end is the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControllerOptions } from '../../src/cloudprovider/deps.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { OUR_ANNOTATIONS } from '../../src/plan/service-status.ts';
import { seconds } from '../../src/time/duration.ts';
import { Bed, type Running } from './bed.ts';
import { watchPublished } from './published.ts';

type Moment = 'before' | 'after';
interface Journey {
  readonly name: string;
  /** Of every controller. */
  readonly options: Partial<ControllerOptions>;
  /** What the user did before the part that is interrupted. */
  readonly prepare: (bed: Bed) => Promise<void>;
  readonly act: (bed: Bed) => void;
  readonly check: (bed: Bed) => void;
}

const creates = async (bed: Bed, spec: object): Promise<void> => {
  bed.createService('shop', spec);
  await bed.settle();
};

/** The same with a class and as the cluster's default implementation, which have finalizers of different names. */
const journeysOf = (
  suffix: string,
  spec: object,
  options: Partial<ControllerOptions>,
): readonly Journey[] => [
  {
    name: `creation${suffix}`,
    options,
    prepare: async () => {},
    act: (bed) => bed.createService('shop', spec),
    check: (bed) => {
      assert.deepEqual(bed.service('shop').ingress, [{ ip: '10.77.0.50', ipMode: 'VIP' }]);
      assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2']);
      const statuses = bed.service('shop').conditions.map(({ status }) => status);
      assert.deepEqual(statuses, ['True', 'True']);
    },
  },
  {
    name: `deletion${suffix}`,
    options,
    prepare: (bed) => creates(bed, spec),
    act: (bed) => bed.deleteService('shop'),
    check: (bed) => {
      assert.equal(bed.hasService('shop'), false);
      assert.deepEqual(bed.plan(), []);
    },
  },
  {
    name: `change of type${suffix}`,
    options,
    prepare: (bed) => creates(bed, spec),
    act: (bed) => bed.changeService('shop', { type: 'ClusterIP', loadBalancerClass: null }),
    check: assertUntouched,
  },
  {
    name: `being told to ignore it${suffix}`,
    options,
    prepare: (bed) => creates(bed, spec),
    act: (bed) => bed.editService('shop', { metadata: { annotations: { 'fairlead.io/ignore': 'true' } } }),
    check: assertUntouched,
  },
  {
    name: `renumbering${suffix}`,
    options: { ...options, replacementOverlap: seconds(1) },
    prepare: (bed) => creates(bed, spec),
    act: (bed) => bed.annotate('shop', { 'fairlead.io/renumber': 'now' }),
    check: (bed) => {
      assert.deepEqual(bed.service('shop').ingress, [{ ip: '10.77.0.51', ipMode: 'VIP' }]);
      assert.deepEqual(bed.plan(), ['10.77.0.51 web/shop n1,n2']);
      assert.deepEqual(bed.service('shop').annotations, { 'fairlead.io/allocated-from': 'default' });
    },
  },
];

function assertUntouched(bed: Bed): void {
  const { ingress, conditions, finalizers, annotations } = bed.service('shop');
  assert.ok(!OUR_ANNOTATIONS.some((name) => name in annotations));
  assert.deepEqual({ ingress, conditions, finalizers }, { ingress: [], conditions: [], finalizers: [] });
  assert.deepEqual(bed.plan(), []);
}

const JOURNEYS = [
  ...journeysOf('', {}, {}),
  ...journeysOf(' without class', { loadBalancerClass: undefined }, { servesClassless: true }),
];

async function prepared(journey: Journey): Promise<Prepared> {
  const bed = new Bed();
  const lost = watchPublished(bed);
  bed.node('n1');
  bed.node('n2');
  bed.pool('default', '10.77.0.50-10.77.0.52');
  const running = await bed.start(journey.options);
  await bed.pass(1000);
  await journey.prepare(bed);
  await bed.pass(1000);
  const check = (): void => {
    journey.check(bed);
    bed.assertSound();
    assert.deepEqual(lost, []);
  };
  return { bed, running, check };
}

interface Prepared {
  readonly bed: Bed;
  readonly running: Running;
  /** What the journey asks for, and what has to hold at each moment of it. */
  readonly check: () => void;
}

interface Point {
  readonly moment: Moment;
  /** Which request, counted from 0 and without those about the status of pools. */
  readonly number: number;
}

/** Calls `interrupt` at that request; the result says whether it came so far. */
function interruptAt(running: Running, point: Point, interrupt: () => void): () => boolean {
  let count = 0;
  let wasReached = false;
  running.api[point.moment] = ({ plural }) => {
    if (plural === 'addresspools' || count++ !== point.number) return;
    wasReached = true;
    interrupt();
  };
  return () => wasReached;
}

/** How many requests the journey makes when nothing interrupts it. */
async function requestsOf(journey: Journey): Promise<number> {
  const { bed, running, check } = await prepared(journey);
  let count = 0;
  running.api.before = ({ plural }) => {
    if (plural !== 'addresspools') count++;
  };
  journey.act(bed);
  await bed.pass(2000);
  check();
  assert.ok(count >= 2, `${journey.name} makes ${count} requests`);
  return count;
}

const unreachable = (): never => {
  throw new ApiError('no answer', { code: 'Unreachable', status: 0 });
};

function testKilled(journey: Journey, point: Point): void {
  test(`${journey.name}: killed ${point.moment} request ${point.number}, another controller goes on`, async () => {
    const { bed, running, check } = await prepared(journey);
    const wasReached = interruptAt(running, point, () => {
      bed.kill(running);
      unreachable();
    });
    journey.act(bed);
    await bed.pass(2000);
    assert.ok(wasReached());
    await bed.start(journey.options);
    await bed.pass(3000);
    check();
  });
}

function testUnanswered(journey: Journey, point: Point): void {
  test(`${journey.name}: no answer ${point.moment} request ${point.number} was carried out`, async () => {
    const { bed, running, check } = await prepared(journey);
    const wasReached = interruptAt(running, point, unreachable);
    journey.act(bed);
    await bed.pass(10_000);
    assert.ok(wasReached());
    check();
  });
}

function testDeleted(journey: Journey, point: Point): void {
  test(`${journey.name}: the Service is deleted ${point.moment} request ${point.number}`, async () => {
    const { bed, running } = await prepared(journey);
    const wasReached = interruptAt(running, point, () => {
      if (bed.hasService('shop')) bed.deleteService('shop');
    });
    journey.act(bed);
    await bed.pass(10_000);
    assert.ok(wasReached());
    assert.equal(bed.hasService('shop'), false);
    assert.deepEqual(bed.plan(), []);
    bed.assertSound();
  });
}

function testOvertaken(journey: Journey, number: number): void {
  test(`${journey.name}: somebody else writes the Service just before request ${number}`, async () => {
    const { bed, running, check } = await prepared(journey);
    const { services } = running.watches;
    const wasReached = interruptAt(running, { moment: 'before', number }, () => {
      // What the controller decides on is old now, and it can not see it.
      services.hold();
      if (bed.hasService('shop')) bed.changeService('shop', { sessionAffinity: 'ClientIP' });
    });
    journey.act(bed);
    await running.queue.idle();
    await bed.pass(2000);
    services.release();
    await bed.pass(2000);
    assert.ok(wasReached());
    check();
  });
}

for (const journey of JOURNEYS) {
  const requests = await requestsOf(journey);
  const numbers = Array.from({ length: requests }, (_, number) => number);
  const points = numbers.flatMap((number): Point[] => [
    { moment: 'before', number },
    { moment: 'after', number },
  ]);
  for (const point of points) {
    testKilled(journey, point);
    testUnanswered(journey, point);
    testDeleted(journey, point);
  }
  for (const number of numbers) testOvertaken(journey, number);
}

test('killed and restarted at random moments, every Service ends with an address of its own', async () => {
  const bed = new Bed();
  for (const name of ['n1', 'n2', 'n3']) bed.node(name);
  bed.pool('default', '10.77.0.50-10.77.0.79');
  for (let round = 0; round < 20; round++) {
    const running = await bed.start();
    interruptAt(running, { moment: round % 2 === 0 ? 'before' : 'after', number: (round * 7) % 11 }, () => {
      bed.kill(running);
      unreachable();
    });
    bed.createService(`s${round}`);
    if (round % 4 === 3) bed.deleteService(`s${round - 3}`);
    await bed.settle();
    bed.kill(running);
  }
  await bed.start();
  await bed.pass(5000);
  const names = Array.from({ length: 20 }, (_, i) => `s${i}`).filter((name) => bed.hasService(name));
  assert.equal(names.length, 15);
  const addresses = names.map((name) => bed.service(name).ingress[0]?.ip);
  assert.equal(new Set(addresses).size, 15);
  assert.equal(bed.virtualIPs().length, 15);
  bed.assertSound();
});
