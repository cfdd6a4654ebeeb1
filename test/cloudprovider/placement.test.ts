// Where the controller places addresses: evenly, where the pods are, away from nodes that leave, and when it moves one.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ENDPOINT_SLICE, NODE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { MOVE_TO, type VirtualIP } from '../../src/resource/virtual-ip.ts';
import { fail } from '../fake/fake-kube-api.ts';
import { Bed } from './bed.ts';

const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';
const NODES = ['n1', 'n2', 'n3', 'n4'];

async function bedOf(options: Parameters<Bed['start']>[0] = {}, nodes: readonly string[] = NODES) {
  const bed = new Bed();
  for (const name of nodes) bed.node(name);
  bed.pool('default', '10.77.0.50-10.77.0.250');
  const running = await bed.start(options);
  await bed.settle();
  return { bed, running };
}

function createServices(bed: Bed, count: number): void {
  for (let i = 0; i < count; i++) bed.createService(`s${i}`);
}

function heldBy(bed: Bed, nodes: readonly string[] = NODES): readonly number[] {
  const holders = bed.virtualIPs().map(({ record }) => record.holder);
  return nodes.map((name) => holders.filter((holder) => holder === name).length);
}

const exclude = (bed: Bed, name: string, value: string | null): void => {
  const body = { metadata: { labels: { [EXCLUDE]: value } } };
  bed.cluster.patch(NODE, { name }, { patch: { type: 'merge', body } });
};
const replans = (bed: Bed): number =>
  bed.cluster.writes.filter((line) => line.startsWith('patch virtualips/')).length;

/** The EndpointSlice of shop; each endpoint is the name of its node, or '' where it names none. */
function endpoints(bed: Bed, nodes: readonly string[], conditions: object = { ready: true }): void {
  const service = 'shop';
  const labels = { 'kubernetes.io/service-name': service };
  const slice = {
    ...{ metadata: { name: `${service}-x`, labels }, addressType: 'IPv4' },
    endpoints: nodes.map((node) => ({
      addresses: [],
      conditions,
      ...(node === '' ? {} : { nodeName: node }),
    })),
  };
  const isThere = bed.cluster.objects(ENDPOINT_SLICE).has(`web/${service}-x`);
  if (!isThere) bed.cluster.create(ENDPOINT_SLICE, 'web', slice);
  else {
    const patch = { type: 'merge', body: { endpoints: slice.endpoints } } as const;
    bed.cluster.patch(ENDPOINT_SLICE, { namespace: 'web', name: `${service}-x` }, { patch });
  }
}

const only = (bed: Bed): VirtualIP => {
  const [one, ...others] = bed.virtualIPs();
  assert.ok(one !== undefined && others.length === 0);
  return one;
};

describe('over the nodes', () => {
  test('Services that come at once are spread evenly, and a restart changes nothing', async () => {
    const { bed, running } = await bedOf();
    createServices(bed, 40);
    await bed.settle();
    assert.deepEqual(heldBy(bed), [10, 10, 10, 10]);
    await running.controller.stop();
    bed.cluster.writes.length = 0;
    await bed.start();
    await bed.pass(10_000);
    assert.equal(replans(bed), 0);
    bed.createService('late');
    await bed.settle();
    assert.equal(Math.max(...heldBy(bed)), 11);
    bed.assertSound();
  });

  test('an address that could not be created does not count', async () => {
    const { bed, running } = await bedOf();
    running.api.before = ({ verb, plural }) => {
      if (verb === 'create' && plural === 'virtualips') fail('Forbidden');
    };
    for (let i = 0; i < 7; i++) bed.createService(`refused${i}`);
    await bed.settle();
    for (let i = 0; i < 7; i++) bed.deleteService(`refused${i}`);
    running.api.recover();
    createServices(bed, 4);
    await bed.settle();
    assert.deepEqual(heldBy(bed), [1, 1, 1, 1]);
    bed.assertSound();
  });

  test('an address that is being withdrawn does not count', async () => {
    const { bed } = await bedOf();
    createServices(bed, 8);
    await bed.settle();
    for (const name of NODES) bed.silent.add(name);
    for (const { services, record } of bed.virtualIPs())
      if (record.holder === 'n1' || record.holder === 'n2') bed.deleteService(services[0]?.name ?? '');
    for (let i = 0; i < 4; i++) bed.createService(`new${i}`);
    await bed.settle();
    const living = bed.virtualIPs().filter(({ isDeleting }) => !isDeleting);
    assert.equal(living.length, 8);
    const firsts = living.map(({ candidates }) => candidates[0]);
    for (const name of NODES) assert.equal(firsts.filter((first) => first === name).length, 2, `${firsts}`);
  });

  test('the addresses of one Service are on different nodes; Services that share one share its list', async () => {
    const { bed } = await bedOf();
    bed.createService('many', {}, { annotations: { 'fairlead.io/count': '4' } });
    await bed.settle();
    assert.deepEqual(heldBy(bed), [1, 1, 1, 1]);
    const metadata = { annotations: { 'fairlead.io/sharing-key': 'dns' } };
    bed.createService('tcp', { ports: [{ protocol: 'TCP', port: 53 }] }, metadata);
    bed.createService('udp', { ports: [{ protocol: 'UDP', port: 53 }] }, metadata);
    await bed.settle();
    const shared = bed.virtualIPs().filter(({ services }) => services.some(({ name }) => name !== 'many'));
    assert.deepEqual(
      shared.map(({ services }) => services.map(({ name }) => name)),
      [['tcp', 'udp']],
    );
    bed.assertSound();
  });

  test('zones by their label: the second candidate is in another one', async () => {
    const bed = new Bed();
    for (const [i, name] of NODES.entries())
      bed.node(name, '10.77.0.11/24', { 'topology.kubernetes.io/zone': `z${i % 2}` });
    bed.pool('default', '10.77.0.50-10.77.0.250');
    await bed.start();
    createServices(bed, 12);
    await bed.settle();
    for (const { candidates } of bed.virtualIPs()) {
      const [first, second] = candidates.map((name) => NODES.indexOf(name) % 2);
      assert.notEqual(first, second, `${candidates}`);
    }
    bed.assertSound();
  });
});

describe('a node that', () => {
  test('is excluded leaves the lists, its addresses spread, and coming back moves nothing', async () => {
    const { bed } = await bedOf();
    createServices(bed, 40);
    await bed.settle();
    exclude(bed, 'n2', '');
    await bed.settle();
    const held = heldBy(bed);
    assert.ok(held[1] === 0 && Math.max(...held) <= 14, `${held}`);
    for (const { candidates } of bed.virtualIPs()) assert.ok(!candidates.includes('n2'));
    exclude(bed, 'n2', null);
    await bed.pass(120_000);
    assert.deepEqual(heldBy(bed), held);
    bed.assertSound();
  });

  test('is shutting down is left as an excluded one is; the last one is not left', async () => {
    const { bed } = await bedOf({}, ['n1', 'n2']);
    bed.createService('shop');
    await bed.settle();
    const shutDown = (name: string) => {
      const condition = { type: 'Ready', status: 'False', message: 'node is shutting down' };
      const patch = { type: 'merge', body: { status: { conditions: [condition] } } } as const;
      bed.cluster.patch(NODE, { name }, { patch, subresource: 'status' });
    };
    shutDown('n1');
    await bed.settle();
    assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n2']);
    shutDown('n2');
    await bed.settle();
    assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n2']);
    bed.assertSound();
  });

  test('dies and comes back, or comes anew, has no list written that has enough', async () => {
    const { bed } = await bedOf();
    createServices(bed, 20);
    await bed.settle();
    bed.cluster.writes.length = 0;
    bed.silent.add('n1');
    await bed.pass(30_000);
    bed.silent.delete('n1');
    await bed.pass(30_000);
    assert.equal(replans(bed), 0);
    bed.assertSound();
  });
});

describe('the last resort', () => {
  const TEN = Array.from({ length: 10 }, (_, i) => `n${i}`);

  async function resorted(): Promise<{ bed: Bed; holder: string; before: readonly string[] }> {
    const { bed } = await bedOf({}, TEN);
    bed.createService('shop');
    await bed.settle();
    const before = only(bed).candidates;
    const holder = TEN.find((name) => !before.includes(name)) ?? '';
    bed.claimAsLastResort(only(bed).name, holder);
    return { bed, holder, before };
  }

  test('who has taken an address as that becomes its first candidate, though the others live, and keeps it', async () => {
    const { bed, holder, before } = await resorted();
    await bed.settle();
    assert.deepEqual(only(bed).candidates, [holder, ...before.slice(0, 7)]);
    await bed.pass(60_000);
    assert.deepEqual([only(bed).record.holder, only(bed).record.epoch], [holder, 7]);
    bed.assertSound();
  });

  test('not one that is excluded', async () => {
    const { bed, holder, before } = await resorted();
    exclude(bed, holder, '');
    await bed.settle();
    assert.deepEqual(only(bed).candidates, before);
  });
});

describe('externalTrafficPolicy Local', () => {
  const LOCAL = { externalTrafficPolicy: 'Local' };

  test('the candidates are the nodes with pods, and follow them', async () => {
    const { bed } = await bedOf();
    endpoints(bed, ['n2', 'n3', 'n2']);
    bed.createService('shop', LOCAL);
    await bed.settle();
    assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n2,n3']);
    assert.equal(only(bed).services[0]?.local, true, 'no other node is a last resort');
    endpoints(bed, ['n4']);
    await bed.settle();
    assert.deepEqual([only(bed).candidates, only(bed).record.holder], [['n4'], 'n4']);
    bed.cluster.remove(ENDPOINT_SLICE, { namespace: 'web', name: 'shop-x' });
    await bed.settle();
    assert.deepEqual(only(bed).candidates, ['n4'], 'pods that are gone for a moment move nothing');
    bed.changeService('shop', { externalTrafficPolicy: 'Cluster' });
    await bed.settle();
    assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2,n3,n4']);
    assert.deepEqual([only(bed).record.holder, only(bed).services[0]?.local], ['n4', undefined]);
    bed.assertSound();
  });

  for (const [what, conditions, isUsable] of [
    ['ready', { ready: true }, true],
    ['of which nothing is said', {}, true],
    ['terminating and still serving', { ready: false, serving: true, terminating: true }, true],
    ['not ready', { ready: false, serving: false }, false],
  ] as const) {
    test(`an endpoint that is ${what} ${isUsable ? 'counts' : 'does not count'}`, async () => {
      const { bed } = await bedOf();
      endpoints(bed, ['n3'], conditions);
      bed.createService('shop', LOCAL);
      await bed.settle();
      assert.deepEqual(only(bed).candidates.length, isUsable ? 1 : 4);
    });
  }

  test('an endpoint without a node may be on any', async () => {
    const { bed } = await bedOf();
    endpoints(bed, ['n3', '']);
    bed.createService('shop', LOCAL);
    await bed.settle();
    assert.equal(only(bed).candidates.length, 4);
  });

  test('pods of a Service with policy Cluster cost nothing', async () => {
    const { bed, running } = await bedOf();
    bed.createService('shop');
    await bed.settle();
    running.queue.taken.length = 0;
    for (const node of NODES) endpoints(bed, [node]);
    await bed.settle();
    assert.deepEqual(running.queue.taken, []);
  });
});

describe('--rebalance', () => {
  const AWAY = 30_000;

  /** n1 was away, and holds nothing. */
  async function uneven(rebalance: 'Off' | 'Slow') {
    const { bed, running } = await bedOf({ rebalance }, ['n1', 'n2', 'n3']);
    createServices(bed, 12);
    await bed.settle();
    exclude(bed, 'n1', '');
    await bed.pass(AWAY);
    exclude(bed, 'n1', null);
    await bed.settle();
    assert.equal(heldBy(bed)[0], 0);
    bed.cluster.writes.length = 0;
    return { bed, running };
  }
  const claims = (bed: Bed): number =>
    bed.cluster.writes.filter((line) => line.startsWith('agent claims')).length;

  test('Off: nothing moves, however uneven it is', async () => {
    const { bed } = await uneven('Off');
    await bed.pass(300_000);
    assert.equal(claims(bed), 0);
    bed.assertSound();
  });

  test('Slow: after a minute of quiet one after another, until nobody holds a quarter more than the mean', async () => {
    const { bed } = await uneven('Slow');
    await bed.pass(55_000);
    assert.equal(claims(bed), 0, 'a node has only just come');
    for (let before = 0; before < 3; before++) {
      await bed.pass(10_000);
      assert.ok(claims(bed) <= before + 1, 'one in ten seconds');
    }
    assert.ok(claims(bed) > 0);
    await bed.pass(120_000);
    assert.ok(Math.max(...heldBy(bed, ['n1', 'n2', 'n3'])) <= 5);
    const moved = claims(bed);
    await bed.pass(120_000);
    assert.equal(claims(bed), moved, 'it comes to rest');
    for (const { candidates } of bed.virtualIPs()) assert.equal(candidates.length, 3);
    bed.assertSound();
  });

  test('Slow: a move that could not be written is no move, and is tried again', async () => {
    const { bed, running } = await uneven('Slow');
    let isRefused = false;
    running.api.before = ({ verb, plural }) => {
      if (verb !== 'patch' || plural !== 'virtualips' || isRefused) return;
      isRefused = true;
      fail();
    };
    await bed.pass(65_000);
    assert.ok(isRefused);
    await bed.pass(120_000);
    assert.ok(Math.max(...heldBy(bed, ['n1', 'n2', 'n3'])) <= 5);
  });
});

describe('an address that somebody wants on a certain node', () => {
  function wish(bed: Bed, name: string, to: string): void {
    const body = { metadata: { annotations: { [MOVE_TO]: to } } };
    bed.cluster.patch(VIRTUAL_IP, { name }, { patch: { type: 'merge', body } });
  }

  test('is taken over by that node, which may not even have been a candidate, and the wish is gone', async () => {
    const { bed } = await bedOf();
    bed.createService('shop');
    await bed.settle();
    for (const to of NODES) {
      wish(bed, only(bed).name, to);
      await bed.settle();
      assert.deepEqual([only(bed).record.holder, only(bed).moveTo], [to, undefined]);
      assert.ok(only(bed).candidates.length >= 3);
    }
    const before = replans(bed);
    await bed.pass(30_000);
    assert.equal(replans(bed), before, 'and it stays');
    bed.assertSound();
  });

  test('stays where it is if the node can not have it, and that is told', async () => {
    const { bed, running } = await bedOf();
    bed.createService('shop');
    await bed.settle();
    const { holder } = only(bed).record;
    exclude(bed, 'n4', 'true');
    for (const to of ['n4', 'nowhere']) {
      wish(bed, only(bed).name, to);
      await bed.settle();
      assert.deepEqual([only(bed).record.holder, only(bed).moveTo], [holder, undefined]);
    }
    const told = running.log.lines.filter(({ message }) => message === 'address can not be moved there');
    assert.equal(told.length, 2);
  });
});
