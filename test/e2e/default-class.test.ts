// Fairlead as the cluster's default implementation (`--default-class`): Services without a class, such as the Traefik
// that K3s brings along, and a cluster that is switched to it and back.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { LabApiError } from '../../lab/kube-client.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type ServiceObject, SOON, useBed, WEB } from './bed.ts';
import { answersTcp, answersUdp, connectWhile, editService, silentTcp } from './service-client.ts';

const UPSTREAM = 'service.kubernetes.io/load-balancer-cleanup';
const UNCLASSED = { loadBalancerClass: undefined };

describe('the default implementation', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-default-class', nodes: 2, kubeProxy: { minSyncPeriod: '0s' } });
  let classed = '';

  const finalizers = async (name: string): Promise<readonly string[]> =>
    (await bed().service(name)).metadata.finalizers ?? [];
  const addresses = async (name: string): Promise<readonly (string | undefined)[]> =>
    ((await bed().service(name)).status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);

  async function writeStatus(name: string, ...ips: string[]): Promise<void> {
    const status = { loadBalancer: { ingress: ips.map((ip) => ({ ip, ipMode: 'VIP' })) } };
    const patch = { type: 'merge', body: { status } } as const;
    await bed().lab.api.patch(SERVICE, { namespace: WEB, name }, patch, { subresource: 'status' });
  }

  /** As K3s' Helm chart makes it, and as its ServiceLB leaves it when that is disabled. */
  async function createTraefik(name: string): Promise<void> {
    const labels = {
      'app.kubernetes.io/name': 'traefik',
      'app.kubernetes.io/instance': 'traefik-kube-system',
    };
    await bed().lab.api.create(SERVICE, WEB, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: WEB, labels, finalizers: [UPSTREAM] },
      spec: {
        type: 'LoadBalancer',
        ipFamilyPolicy: 'PreferDualStack',
        selector: { app: 'shop' },
        ports: [
          { name: 'web', port: 80, protocol: 'TCP', targetPort: 'http' },
          { name: 'websecure', port: 443, protocol: 'TCP', targetPort: 'http' },
        ],
      },
    });
    await writeStatus(name, ...bed().lab.network.nodes.map(({ ip }) => ip));
  }

  /** Restarts the controller; a Service with our class must not notice. */
  async function switchTo(defaultClass: boolean): Promise<void> {
    const { failures } = await connectWhile(bed(), classed, bed().lab.restartController({ defaultClass }));
    assert.deepEqual(failures, []);
    assert.deepEqual(await addresses('classed'), [classed]);
  }

  before(async () => {
    await bed().create({ name: 'classed' });
    classed = await bed().addressOf('classed');
    await answersTcp(bed(), classed);
    await createTraefik('traefik');
    await createTraefik('leftover');
  });

  test('with classes only, a Service without one is left as it is', async () => {
    await bed().create({ name: 'later' });
    await bed().addressOf('later');
    const nodes = bed().lab.network.nodes.map(({ ip }) => ip);
    assert.deepEqual(await addresses('traefik'), nodes);
    assert.deepEqual(await finalizers('traefik'), [UPSTREAM]);
  });

  test("switched to it, K3s' Traefik gets an address of a pool on both ports", async () => {
    await bed().remove('leftover');
    await switchTo(true);
    const isOurs = async (): Promise<boolean> =>
      (await addresses('traefik')).every((ip) => ip?.startsWith('10.77.0.5'));
    await bed().lab.waitFor('traefik to have an address of the pool', isOurs, SOON);
    const [address = ''] = await addresses('traefik');
    await Promise.all([answersTcp(bed(), address, 80), answersTcp(bed(), address, 443)]);
    assert.deepEqual((await bed().service('traefik')).status?.loadBalancer, {
      ingress: [{ ip: address, ipMode: 'VIP' }],
    });
    assert.deepEqual(await finalizers('traefik'), [UPSTREAM]);
  });

  test('a deletion that waited for the finalizer of whoever was here before comes to its end', async () => {
    await bed().serviceGone('leftover');
  });

  test('the upstream finalizer is there while it is a LoadBalancer, and only then', async () => {
    await bed().create({ name: 'cleanup', spec: UNCLASSED });
    const address = await bed().addressOf('cleanup');
    await Promise.all([answersTcp(bed(), address), answersUdp(bed(), address)]);
    assert.deepEqual(await finalizers('cleanup'), [UPSTREAM]);
    await editService(bed(), 'cleanup', { type: 'ClusterIP' });
    const has = (want: number) => async () => (await finalizers('cleanup')).length === want;
    await bed().lab.waitFor('the finalizer to be gone', has(0), SOON);
    assert.deepEqual(await addresses('cleanup'), []);
    await editService(bed(), 'cleanup', { type: 'LoadBalancer' });
    await bed().lab.waitFor('the finalizer to be there', has(1), SOON);
    await answersTcp(bed(), await bed().addressOf('cleanup'));
    await bed().remove('cleanup');
    await bed().serviceGone('cleanup');
  });

  test('a status that somebody writes is seen by those who watch, and put right', async () => {
    await bed().create({ name: 'lifecycle', spec: UNCLASSED });
    const address = await bed().addressOf('lifecycle');
    const end = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { object } of bed().lab.api.watch<ServiceObject>(SERVICE, {
        namespace: WEB,
        signal: end.signal,
      }))
        if (object.metadata.name === 'lifecycle')
          seen.push(object.status?.loadBalancer?.ingress?.[0]?.ip ?? '');
    })().catch((error: unknown) => assert.ok(end.signal.aborted, String(error)));
    await bed().lab.waitFor('the watch to begin', () => seen.length > 0, SOON);
    await writeStatus('lifecycle', '203.0.113.1');
    const isRepaired = () => seen.includes('203.0.113.1') && seen.at(-1) === address;
    await bed().lab.waitFor('the status to be seen and repaired', isRepaired, SOON);
    end.abort();
    await watching;
  });

  test('a Service with the status of before keeps its address', async () => {
    await bed().lab.faults.stall('controller/0');
    await bed().create({ name: 'migrated', spec: UNCLASSED });
    await writeStatus('migrated', '10.77.0.77');
    await bed().lab.faults.resume('controller/0');
    await bed()
      .holding('10.77.0.77')
      .catch(() => assert.fail('10.77.0.77 is not held'));
    assert.deepEqual(await addresses('migrated'), ['10.77.0.77']);
    assert.equal((await bed().answerAt('10.77.0.77', milliseconds(30_000))).pod.startsWith('shop-'), true);
  });

  test('switched back, they are let go without a trace; what another provider took over is its own', async () => {
    const [address = ''] = await addresses('traefik');
    await bed().lab.processes.stop('controller/0');
    await writeStatus('lifecycle', '203.0.113.9');
    await switchTo(false);
    await bed().virtualIPGone(address);
    const isClean = async (): Promise<boolean> => {
      const { metadata, status } = await bed().service('traefik');
      return (
        [...(metadata.finalizers ?? []), ...(status?.conditions ?? []), ...(await addresses('traefik'))]
          .length === 0
      );
    };
    await bed().lab.waitFor('nothing of ours on traefik', isClean, SOON);
    await silentTcp(bed(), address);
    const isLetGo = async () => (await bed().service('lifecycle')).status?.conditions === undefined;
    await bed().lab.waitFor('nothing of ours on the Service that was taken over', isLetGo, SOON);
    assert.deepEqual(await addresses('lifecycle'), ['203.0.113.9']);
    assert.deepEqual(await finalizers('lifecycle'), [UPSTREAM]);
    await bed().remove('traefik');
    await assert.rejects(
      bed().service('traefik'),
      (error) => error instanceof LabApiError && error.code === 'NotFound',
    );
  });
});
