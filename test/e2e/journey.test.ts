// The journey of a Service through the whole system, on a real API server, kube-proxy and wire: from its creation to
// its deletion, and what is refused on the way.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getIn } from '../../lab/http-client.ts';
import { PORTS, SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { ADDRESS_POOL, ANNOUNCER, SERVICE } from '../../src/kube/kinds.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed, WEB } from './bed.ts';

const RFC3339_MICRO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

interface PoolObject extends KubeObject {
  readonly status?: { readonly ipv4?: { readonly total: string; readonly allocated: string } };
}

interface AnnouncerObject extends KubeObject {
  readonly status?: {
    readonly held?: number;
    readonly links?: readonly { readonly name: string; readonly mac: string; readonly state: string }[];
  };
}

describe('the journey of a Service', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-journey', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } });

  test('is answered at its address, over TCP and UDP', async () => {
    await bed().create({ name: 'first' });
    const address = await bed().addressOf('first');
    const answer = await bed().answerAt(address);
    assert.match(answer.pod, /^shop-[123]$/);
    const prober = await bed().lab.clientUdp({ address, port: 7, interval: milliseconds(10) });
    await bed().lab.waitFor('an answer over UDP', () => prober.replies.length > 0, SOON);
    const { replies } = await prober.stop();
    assert.match(replies[0]?.pod ?? '', /^shop-[123]$/);
  });

  test('publishes the address with ipMode VIP and without ports', async () => {
    const { status } = await bed().service('first');
    assert.deepEqual(status?.loadBalancer, { ingress: [{ ip: '10.77.0.50', ipMode: 'VIP' }] });
  });

  test('records holder, epoch, phase and since; the holder alone answers ARP', async () => {
    const { holder, epoch } = await bed().holding('10.77.0.50');
    assert.equal(epoch, 1);
    assert.deepEqual(await bed().answerers('10.77.0.50'), [bed().macOf(holder)]);
    const { status, metadata, spec } = await bed().virtualIP('10.77.0.50');
    assert.equal(status?.phase, 'Announced');
    assert.match(status?.since ?? '', RFC3339_MICRO);
    assert.deepEqual(metadata.finalizers, ['fairlead.io/withdraw']);
    assert.deepEqual([...(spec.candidates ?? [])].sort(), ['node1', 'node2', 'node3']);
    assert.equal(status?.conditions?.find((condition) => condition.type === 'Announced')?.status, 'True');
  });

  test('tells in conditions and events what happened', async () => {
    await bed().condition('first', 'fairlead.io/Allocated', 'True');
    await bed().condition('first', 'fairlead.io/Announced', 'True');
    const { holder } = await bed().holding('10.77.0.50');
    const [ensured, updated] = [
      await bed().event('first', 'EnsuredLoadBalancer'),
      await bed().event('first', 'UpdatedLoadBalancer'),
    ];
    assert.deepEqual([ensured.type, ensured.message], ['Normal', '10.77.0.50 from pool default']);
    assert.deepEqual([updated.type, updated.message], ['Normal', `10.77.0.50 is announced by ${holder}`]);
  });

  test('counts in the pool and in the Announcer of the holder', async () => {
    const { holder } = await bed().holding('10.77.0.50');
    await bed().lab.waitFor(
      'the pool to count one address',
      async () => {
        const { status } = await bed().lab.api.get<PoolObject>(ADDRESS_POOL, { name: 'default' });
        return status?.ipv4?.total === '50' && status.ipv4.allocated === '1';
      },
      SOON,
    );
    const announcer = await bed().lab.waitFor(
      'the Announcer to count one address',
      async () => {
        const object = await bed().lab.api.get<AnnouncerObject>(ANNOUNCER, { name: holder });
        return object.status?.held === 1 ? object : undefined;
      },
      SOON,
    );
    const eth0 = announcer.status?.links?.find((link) => link.name === 'eth0');
    assert.equal(eth0?.mac, bed().macOf(holder));
    assert.equal(eth0?.state, 'Up');
  });

  test('gives another Service another address', async () => {
    await bed().create({ name: 'second' });
    assert.equal(await bed().addressOf('second'), '10.77.0.51');
    await bed().answerAt('10.77.0.51');
  });

  test('after deletion the address is silent and nothing is left', async () => {
    await bed().remove('second');
    await bed().serviceGone('second');
    await bed().virtualIPGone('10.77.0.51');
    assert.deepEqual(await bed().answerers('10.77.0.51'), []);
    assert.deepEqual((await bed().answerers('10.77.0.50')).length, 1);
  });

  test('a Service that becomes ClusterIP gives its address back and lives on', async () => {
    await bed().create({ name: 'changing' });
    const address = await bed().addressOf('changing');
    await bed().holding(address);
    const spec = { type: 'ClusterIP', loadBalancerClass: null };
    await bed().lab.api.patch(
      SERVICE,
      { namespace: WEB, name: 'changing' },
      { type: 'merge', body: { spec } },
    );
    await bed().virtualIPGone(address);
    const released = await bed().lab.waitFor(
      'the finalizer to be gone',
      async () => {
        const service = await bed().service('changing');
        return (service.metadata.finalizers ?? []).length === 0 ? service : undefined;
      },
      SOON,
    );
    assert.deepEqual(released.status?.loadBalancer, {});
    assert.deepEqual(await bed().answerers(address), []);
  });

  test('leaves the Service of another class alone', async () => {
    await bed().create({ name: 'foreign', spec: { loadBalancerClass: 'example.com/other' } });
    // A Service of ours that was created later has its address: the foreign one was seen, and passed over.
    await bed().create({ name: 'later' });
    await bed().addressOf('later');
    const foreign = await bed().service('foreign');
    assert.equal(foreign.metadata.finalizers, undefined);
    assert.deepEqual(foreign.status, { loadBalancer: {} });
  });

  test('refuses an IPv6 Service with the reason FamilyUnavailable', async () => {
    await bed().create({ name: 'six', spec: { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' } });
    const allocated = await bed().condition('six', 'fairlead.io/Allocated', 'False');
    assert.equal(allocated.reason, 'FamilyUnavailable');
    assert.match((await bed().event('six', 'SyncLoadBalancerFailed')).message, /IPv6/);
    assert.deepEqual((await bed().service('six')).status?.loadBalancer, {});
  });

  test('controller and agents serve health, readiness and metrics', async () => {
    const { network } = bed().lab;
    const hosts = [
      ...network.nodes.map((node) => [node, PORTS.agent] as const),
      [network.controlPlane, PORTS.controller] as const,
    ];
    for (const [host, port] of hosts) {
      for (const path of ['healthz', 'readyz', 'metrics']) {
        const { status, body } = await getIn(network.client.netns, `http://${host.ip}:${port}/${path}`);
        assert.equal(status, 200, `${host.name} /${path}: ${body}`);
        if (path === 'metrics') assert.match(body, /^fairlead_/m);
      }
    }
  });

  test('needed no permission that its roles lack', async () => {
    const ours = (await bed().lab.auditEntries()).filter((entry) =>
      entry.user.username.startsWith(`system:serviceaccount:${SYSTEM_NAMESPACE}:`),
    );
    assert.ok(ours.length > 50, `only ${ours.length} requests of ours in the audit log`);
    const refused = ours.filter((entry) => [401, 403].includes(entry.responseStatus?.code ?? 0));
    assert.deepEqual(
      refused.map((entry) => `${entry.user.username} ${entry.verb} ${entry.requestURI}`),
      [],
    );
  });
});
