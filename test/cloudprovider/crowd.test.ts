// Many Services at once on the cluster in memory: how few writes and events each costs, and that nobody waits for that.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ADDRESS_POOL } from '../../src/kube/kinds.ts';
import { Bed } from './bed.ts';

const NAMES = Array.from({ length: 100 }, (_, i) => `shop-${i}`);

function bedOf(): Bed {
  const bed = new Bed();
  for (const name of ['n1', 'n2', 'n3']) bed.node(name);
  bed.pool('default', '10.77.0.100-10.77.0.250');
  return bed;
}

const countOf = (lines: readonly string[], word: string): number =>
  lines.filter((line) => line.includes(word)).length;

describe('a crowd of Services', () => {
  test('costs four writes each, of which one is the agent’s, and two events', async () => {
    const bed = bedOf();
    const { events } = await bed.start();
    await bed.settle();
    bed.cluster.writes.length = 0;
    for (const name of NAMES) bed.createService(name);
    await bed.settle();
    const { writes } = bed.cluster;
    const counts = ['patch services/', 'create virtualips/', 'agent claims'].map((what) =>
      countOf(writes, what),
    );
    // Some of the first are published before there is a crowd to see.
    assert.ok((counts[0] ?? 0) <= 2 * NAMES.length + 1, `${counts[0]} patches of Services`);
    assert.deepEqual(counts.slice(1), [NAMES.length, NAMES.length]);
    assert.deepEqual(
      ['EnsuredLoadBalancer', 'UpdatedLoadBalancer'].map((reason) => countOf(events, reason)),
      [NAMES.length, NAMES.length],
    );
    assert.equal(events.length, 2 * NAMES.length);
    for (const name of NAMES) {
      const { ingress, conditions } = bed.service(name);
      assert.equal(ingress.length, 1);
      assert.deepEqual(
        conditions.map(({ status }) => status),
        ['True', 'True'],
      );
    }
    bed.assertSound();
  });

  test('costs each as many looks, however many there are already', async () => {
    const bed = bedOf();
    const { queue } = await bed.start();
    const looks: number[] = [];
    for (const names of [NAMES.slice(0, 25), NAMES.slice(25, 50), NAMES.slice(50, 75), NAMES.slice(75)]) {
      await bed.settle();
      queue.taken.length = 0;
      for (const name of names) bed.createService(name);
      await bed.settle();
      looks.push(queue.taken.length);
    }
    assert.deepEqual(
      looks,
      Array.from({ length: 4 }, () => looks[0]),
    );
    assert.ok((looks[0] ?? 0) <= 25 * 8, `${looks[0]} for 25 Services`);
  });

  test('is published a second later, at the latest, where nobody claims', async () => {
    const bed = bedOf();
    await bed.start();
    for (const node of ['n1', 'n2', 'n3']) bed.silent.add(node);
    for (const name of NAMES) bed.createService(name);
    await bed.pass(2000);
    for (const name of NAMES) assert.equal(bed.service(name).ingress.length, 1, name);
    // The next one is alone again, and does not wait at all.
    bed.createService('late');
    await bed.settle();
    assert.equal(bed.service('late').ingress.length, 1);
    bed.assertSound();
  });

  test('costs one write of the pool’s status in five seconds', async () => {
    const bed = bedOf();
    await bed.start();
    await bed.pass(10_000);
    bed.cluster.writes.length = 0;
    for (const name of NAMES.slice(0, 20)) {
      bed.createService(name);
      await bed.pass(1000);
    }
    const written = countOf(bed.cluster.writes, 'addresspools/');
    assert.ok(written >= 2 && written <= 5, `${written} writes in 20 s`);
    await bed.pass(6000);
    const { status } = bed.cluster.get(ADDRESS_POOL, { name: 'default' }) as unknown as {
      status: { ipv4: { allocated: string } };
    };
    assert.equal(status.ipv4.allocated, '20');
  });

  test('a pool that is edited says at once whether it can be used', async () => {
    const bed = bedOf();
    const { queue } = await bed.start();
    bed.createService('shop');
    await bed.pass(1000);
    bed.pool('default', 'nonsense');
    await queue.idle();
    const { status } = bed.cluster.get(ADDRESS_POOL, { name: 'default' }) as unknown as {
      status: { conditions: readonly { status: string }[] };
    };
    assert.equal(status.conditions[0]?.status, 'False');
  });
});
