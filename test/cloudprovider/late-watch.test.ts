// The controller while what it sees is incomplete or old: it decides nothing too early, and what it decided on old
// data is refused and decided again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import { SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { OWN_FINALIZER } from '../../src/plan/service-class.ts';
import { WITHDRAW_FINALIZER } from '../../src/resource/virtual-ip.ts';
import { bedOf } from './bed.ts';

for (const slow of [
  'services',
  'namespaces',
  'nodes',
  'leases',
  'pools',
  'virtualIPs',
  'announcers',
  'endpointSlices',
] as const) {
  test(`nothing is decided before all ${slow} have been seen`, async () => {
    const bed = bedOf();
    bed.createService('shop');
    const running = bed.construct();
    running.watches[slow].delaySync();
    const started = running.controller.start();
    await bed.settle();
    assert.equal(running.controller.isSynced(), false);
    assert.deepEqual(running.queue.taken, []);
    running.watches[slow].completeSync();
    await started;
    await bed.settle();
    assert.equal(running.controller.isSynced(), true);
    assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2']);
    bed.assertSound();
  });
}

test('a controller that is stopped before it has seen everything stops', async () => {
  const running = bedOf().construct();
  running.watches.nodes.delaySync();
  const started = running.controller.start();
  await running.controller.stop();
  await started;
  assert.equal(running.controller.isSynced(), false);
  assert.deepEqual(running.queue.taken, []);
});

test('a VirtualIP of a Service that we do not see yet is not swept', async () => {
  const bed = bedOf();
  const { watches, queue, api } = await bed.start();
  let removals = 0;
  api.before = ({ verb }) => {
    if (verb === 'delete') removals++;
  };
  watches.services.hold();
  // Another controller made both.
  bed.createService('shop', { type: 'LoadBalancer' });
  const finalizers = { metadata: { finalizers: [OWN_FINALIZER] } };
  bed.cluster.patch(
    SERVICE,
    { namespace: 'web', name: 'shop' },
    { patch: { type: 'merge', body: finalizers } },
  );
  const { uid } = bed.service('shop');
  const services = [{ namespace: 'web', name: 'shop', uid, ports: [{ protocol: 'TCP', port: 80 }] }];
  const spec = { address: '10.77.0.53', family: 'IPv4', pool: 'default', services };
  bed.cluster.create(VIRTUAL_IP, undefined, { metadata: { name: '10.77.0.53' }, spec });
  await queue.idle();
  assert.equal(removals, 0);
  watches.services.release();
  await bed.settle();
  assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.53');
  assert.equal(removals, 0);
  bed.assertSound();
});

test('a VirtualIP that changed unseen is deleted as it is now', async () => {
  const bed = bedOf();
  const { watches, queue } = await bed.start();
  bed.createService('shop');
  await queue.idle();
  watches.virtualIPs.hold();
  bed.claim('10.77.0.50', 'n1');
  bed.deleteService('shop');
  await queue.idle();
  assert.equal(bed.virtualIPs()[0]?.isDeleting, true);
  watches.virtualIPs.release();
  await bed.settle();
  assert.equal(bed.hasService('shop'), false);
  bed.assertSound();
});

test('an address that was claimed unseen is not let go behind the back of its holder', async () => {
  const bed = bedOf();
  const { watches, queue, api } = await bed.start();
  bed.createService('shop');
  await queue.idle();
  api.before = ({ verb, plural }) => {
    if (verb !== 'patch' || plural !== 'virtualips' || bed.virtualIPs()[0]?.record.holder !== undefined)
      return;
    watches.virtualIPs.hold();
    bed.claim('10.77.0.50', 'n1');
  };
  bed.deleteService('shop');
  await queue.idle();
  assert.equal(bed.virtualIPs().length, 1, 'n1 may be answering');
  watches.virtualIPs.release();
  await bed.settle();
  assert.deepEqual(bed.virtualIPs(), []);
  bed.assertSound();
});

test('finalizers of others stay when an address is let go', async () => {
  const bed = bedOf();
  const { queue } = await bed.start();
  bed.createService('shop');
  await queue.idle();
  const body = { metadata: { finalizers: ['fairlead.io/withdraw', 'example.com/audit'] } };
  bed.cluster.patch(VIRTUAL_IP, { name: '10.77.0.50' }, { patch: { type: 'merge', body } });
  bed.deleteService('shop');
  await queue.idle();
  assert.deepEqual(bed.virtualIPs()[0]?.finalizers, ['example.com/audit']);
});

test('a node whose agent is silent becomes no candidate', async () => {
  const bed = bedOf();
  await bed.start();
  bed.silent.add('n2');
  await bed.pass(16_000);
  bed.createService('shop');
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1']);
  bed.silent.delete('n2');
  await bed.pass(1000);
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2']);
  bed.assertSound();
});

test('a VirtualIP that another controller makes while the answer that there is none is on its way is seen', async () => {
  const bed = bedOf();
  // Nobody claims it or plans it anew, which would tell of it a second time.
  bed.poolWith('default', { announce: false });
  const running = await bed.start();
  const isOne = (plural: string, method: string, wanted: string) =>
    plural === 'virtualips' && method === wanted;
  running.api.before = ({ plural, method }) => {
    if (isOne(plural, method, 'POST'))
      throw new ApiError('another has it', { code: 'AlreadyExists', status: 409 });
  };
  let isMade = false;
  running.api.after = ({ plural, method }) => {
    if (!isOne(plural, method, 'GET')) return;
    running.api.recover();
    isMade = true;
    const { namespace, name, uid } = bed.service('shop');
    const services = [{ namespace, name, uid, ports: [{ protocol: 'TCP', port: 80 }] }];
    const spec = { address: '10.77.0.50', family: 'IPv4', pool: 'default', services };
    bed.cluster.create(VIRTUAL_IP, undefined, {
      metadata: { name: spec.address, finalizers: [WITHDRAW_FINALIZER] },
      spec,
    });
  };
  bed.createService('shop');
  await bed.settle();
  assert.ok(isMade);
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop ']);
  assert.deepEqual(bed.service('shop').ingress, [{ ip: '10.77.0.50', ipMode: 'VIP' }]);
  bed.assertSound();
});
