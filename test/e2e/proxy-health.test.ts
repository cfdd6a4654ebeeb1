// A real kube-proxy that ends: its node's address goes to one whose kube-proxy works, the client notices nothing, and the
// Announcer says why.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '../../src/kube/api.ts';
import { ANNOUNCER } from '../../src/kube/kinds.ts';
import { seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type Condition, SOON, useBed } from './bed.ts';

interface AnnouncerObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

describe('the health of kube-proxy', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-proxy', nodes: 2, kubeProxy: { minSyncPeriod: '0s' } });

  const readyOf = async (node: string): Promise<string | undefined> => {
    const { status } = await bed().lab.api.get<AnnouncerObject>(ANNOUNCER, { name: node });
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return ready && `${ready.status} ${ready.message}`.trim();
  };
  const untilReady = (node: string, wanted: string) =>
    bed().lab.waitFor(
      `the Announcer of ${node} to say "${wanted}"`,
      async () => (await readyOf(node)) === wanted || undefined,
      seconds(60),
    );

  test('an address leaves the node on which it ended, and stays when it is back', async () => {
    const { lab } = bed();
    await bed().create({ name: 'shop' });
    const address = await bed().addressOf('shop');
    await bed().answerAt(address);
    const { holder } = await bed().holding(address);
    await lab.faults.kill(`kube-proxy/${holder}`);
    const { holder: next } = await bed().holding(address, (now) => now.holder !== holder);
    await bed().answerAt(address);
    assert.deepEqual(await bed().answerers(address), [bed().macOf(next)]);
    await untilReady(holder, 'False kube-proxy is not healthy');
    await lab.faults.start(`kube-proxy/${holder}`);
    await untilReady(holder, 'True');
    assert.equal((await bed().holding(address)).holder, next);
  });

  test('where it ended on all nodes the address stays where it is, and is answered for', async () => {
    const { lab } = bed();
    const address = await bed().addressOf('shop');
    const { holder, epoch } = await bed().holding(address);
    const nodes = lab.network.nodes.map(({ name }) => name);
    const [other = ''] = nodes.filter((name) => name !== holder);
    await lab.faults.kill(`kube-proxy/${other}`);
    await untilReady(other, 'False kube-proxy is not healthy');
    await lab.faults.kill(`kube-proxy/${holder}`);
    await untilReady(holder, 'False kube-proxy is not healthy');
    await bed().answerAt(address, SOON);
    assert.deepEqual(await bed().holding(address), { holder, epoch });
  });
});
