// A Service that is renumbered, judged from its client: the old address is served until the new one is, also while the new
// one can not be announced and the controller is killed, and both are for as long as both are published.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { poolManifest } from '../../lab/pool-manifest.ts';
import type { Prober } from '../../lab/prober.ts';
import { ADDRESS_POOL, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed, type VirtualIPObject } from './bed.ts';

const OLD = '10.77.0.50';
/** No node has a link in its subnet. */
const FAR = '10.99.0.1';
const NEAR = '10.77.0.120';

describe('renumbering', requirement('cluster'), () => {
  const bed = useBed({
    ...{ name: 'e2e-renumber', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } },
    controllerArguments: ['--replacement-overlap', '5s'],
  });
  let prober: Prober;

  before(async () => {
    await bed().create({ name: 'shop' });
    assert.equal(await bed().addressOf('shop'), OLD);
    await bed().answerAt(OLD);
    prober = await bed().lab.clientUdp({ address: OLD, port: 7, interval: milliseconds(5) });
    await answers(50);
  });

  const answers = (more: number) => {
    const wanted = prober.replies.length + more;
    return bed().lab.waitFor('answers over UDP', () => prober.replies.length > wanted, SOON);
  };
  const drain = (name: string) =>
    bed().lab.api.patch(ADDRESS_POOL, { name }, { type: 'merge', body: { spec: { disabled: true } } });
  const published = async () =>
    ((await bed().service('shop')).status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join();
  const annotations = async () => (await bed().service('shop')).metadata.annotations ?? {};
  const virtualIPs = async () =>
    (await bed().lab.api.list<VirtualIPObject>(VIRTUAL_IP)).map(({ metadata }) => metadata.name).sort();

  test('onto a pool that no node can announce it stays where it is, and says why', async () => {
    await drain('default');
    await bed().lab.apply(poolManifest('far', [`${FAR}-10.99.0.9`]));
    await bed().change('shop', { metadata: { annotations: { 'fairlead.io/renumber': 'now' } } });
    await bed().virtualIPThere(FAR);
    const { reason, message } = await bed().condition('shop', 'fairlead.io/Replacing', 'True');
    assert.equal(reason, 'NoCandidates');
    assert.match(message, new RegExp(`^${OLD} published until replaced: ${FAR} can not be announced: `));
    const event = await bed().event('shop', 'Replacing');
    assert.deepEqual([event.type, event.message], ['Warning', `${reason}: ${message}`]);
    assert.equal(await published(), OLD);
    assert.equal((await annotations())['fairlead.io/renumber'], 'now');
    await answers(50);
  });

  test('a controller that is killed and started again takes no third address', async () => {
    await bed().lab.faults.kill('controller/0');
    await bed().lab.faults.start('controller/0');
    // What comes after it is done after what was there.
    await bed().create({ name: 'witness', annotations: { 'fairlead.io/pool': 'far' } });
    await bed().condition('witness', 'fairlead.io/Allocated', 'True');
    assert.deepEqual(await virtualIPs(), [OLD, FAR, '10.99.0.2']);
    assert.equal(await published(), OLD);
    await bed().remove('witness');
    await bed().serviceGone('witness');
  });

  test('to a pool that can be announced it goes without a lost request, and leaves nothing behind', async (t) => {
    await drain('far');
    await bed().lab.apply(poolManifest('near', [`${NEAR}-10.77.0.129`]));
    await bed().lab.waitFor(
      'both to be published',
      async () => (await published()) === `${NEAR},${OLD}`,
      SOON,
    );
    await bed().answerAt(NEAR);
    await answers(50);
    assert.equal(await published(), `${NEAR},${OLD}`, 'the overlap was over too soon for this machine');
    const report = await prober.stop();
    t.diagnostic(`${report.sent} requests to the old address, ${report.replies.length} answered`);
    assert.equal(report.sent - report.replies.length, 0, 'requests were lost');
    const { 'fairlead.io/renumber': wish, 'fairlead.io/replaced-addresses': replaced } = await annotations();
    assert.deepEqual([wish, replaced], [undefined, OLD]);
    await bed().virtualIPGone(OLD);
    await bed().virtualIPGone(FAR);
    assert.deepEqual([await published(), await virtualIPs()], [NEAR, [NEAR]]);
    assert.deepEqual(await annotations(), { 'fairlead.io/allocated-from': 'near' });
    assert.deepEqual(await bed().answerers(OLD), []);
    await bed().answerAt(NEAR);
    const { status } = await bed().service('shop');
    assert.ok(status?.conditions?.every(({ type }) => type !== 'fairlead.io/Replacing'));
  });
});
