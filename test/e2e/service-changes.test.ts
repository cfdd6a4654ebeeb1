// What upstream's LoadBalancer tests ask about a Service that is changed, judged by a client over TCP and UDP: its type,
// its ports and node ports, its class, its endpoints, its finalizer.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { getIn } from '../../lab/http-client.ts';
import { LabApiError } from '../../lab/kube-client.ts';
import { type LabPod, POD_PORTS } from '../../lab/workload.ts';
import { ENDPOINT_SLICE, SERVICE } from '../../src/kube/kinds.ts';
import { requirement } from '../requirements.ts';
import { type ServiceObject, SOON, useBed, WEB } from './bed.ts';
import {
  answersTcp,
  answersUdp,
  editService,
  ports,
  setReady,
  silentTcp,
  silentUdp,
  specOf,
} from './service-client.ts';

const CLASS = 'fairlead.io/lb';
const FINALIZER = 'fairlead.io/load-balancer';

describe('changes of a Service', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-svc-changes', nodes: 2, kubeProxy: { minSyncPeriod: '0s' } });
  let late: LabPod;
  before(async () => {
    const [pod] = await bed().lab.runWorkload({ namespace: WEB, name: 'late', replicas: 1 });
    assert.ok(pod);
    late = pod;
  });

  const finalizers = async (name: string): Promise<readonly string[]> =>
    (await bed().service(name)).metadata.finalizers ?? [];

  test('type and ports: the address stays while it is a LoadBalancer, and goes with the type', async () => {
    await bed().create({ name: 'mutable', spec: { type: 'ClusterIP', loadBalancerClass: undefined } });
    await editService(bed(), 'mutable', { type: 'NodePort' });
    await editService(bed(), 'mutable', { type: 'LoadBalancer', loadBalancerClass: CLASS });
    const address = await bed().addressOf('mutable');
    await Promise.all([answersTcp(bed(), address), answersUdp(bed(), address)]);
    const nodePorts = (await specOf(bed(), 'mutable')).ports.map(({ nodePort = 0 }) => nodePort);
    const moved = ports(80, 7).map((port, i) => ({ ...port, nodePort: i === 0 ? 30_901 : 30_902 }));
    await editService(bed(), 'mutable', { ports: moved });
    assert.ok(!nodePorts.includes(30_901));
    await Promise.all([answersTcp(bed(), address), answersUdp(bed(), address)]);
    await editService(bed(), 'mutable', { ports: ports(81, 8) });
    await Promise.all([answersTcp(bed(), address, 81), answersUdp(bed(), address, 8)]);
    await Promise.all([silentTcp(bed(), address, 80), silentUdp(bed(), address, 7)]);
    assert.equal(await bed().addressOf('mutable'), address);
  });

  test('without endpoints it is unreachable, with them reachable again', async () => {
    const address = await bed().addressOf('mutable');
    await editService(bed(), 'mutable', { selector: { app: 'nobody' } });
    await Promise.all([silentTcp(bed(), address, 81), silentUdp(bed(), address, 8)]);
    await editService(bed(), 'mutable', { selector: { app: 'shop' } });
    await Promise.all([answersTcp(bed(), address, 81), answersUdp(bed(), address, 8)]);
    assert.equal(await bed().addressOf('mutable'), address);
  });

  test('back to ClusterIP the status is empty, the address silent, and nothing of ours is left', async () => {
    const address = await bed().addressOf('mutable');
    await editService(bed(), 'mutable', { type: 'ClusterIP', loadBalancerClass: null });
    await bed().virtualIPGone(address);
    const isClean = async (): Promise<boolean> => {
      const { metadata, status } = await bed().service('mutable');
      const left = [...(metadata.finalizers ?? []), ...(status?.conditions ?? [])];
      return left.length === 0 && status?.loadBalancer?.ingress === undefined;
    };
    await bed().lab.waitFor('nothing of ours on the Service', isClean, SOON);
    await Promise.all([silentTcp(bed(), address, 81), silentUdp(bed(), address, 8)]);
    await editService(bed(), 'mutable', { type: 'LoadBalancer', loadBalancerClass: CLASS });
    await answersTcp(bed(), await bed().addressOf('mutable'), 81);
  });

  test('the class can not be changed while it is a LoadBalancer, as we rely on', async () => {
    await bed().create({ name: 'unclassed', spec: { loadBalancerClass: undefined } });
    for (const [name, loadBalancerClass] of [
      ['unclassed', CLASS],
      ['mutable', 'example.com/other'],
      ['mutable', null],
    ] as const) {
      await assert.rejects(
        editService(bed(), name, { loadBalancerClass }),
        (error: unknown) => error instanceof LabApiError && error.code === 'Invalid',
      );
    }
    assert.equal((await bed().service('unclassed')).status?.loadBalancer?.ingress, undefined);
    assert.deepEqual(await finalizers('unclassed'), []);
  });

  test('IP mode: kube-proxy takes it over inside the cluster, and another mode is put right', async () => {
    await bed().create({ name: 'mode' });
    const address = await bed().addressOf('mode');
    await answersTcp(bed(), address);
    const inside = [late.netns, ...bed().lab.network.nodes.map(({ netns }) => netns)];
    for (const netns of inside)
      assert.equal((await getIn(netns, `http://${address}/`)).status, 200, `from ${netns}`);
    const status = { loadBalancer: { ingress: [{ ip: address, ipMode: 'Proxy' }] } };
    await bed().lab.api.patch(
      SERVICE,
      { namespace: WEB, name: 'mode' },
      { type: 'merge', body: { status } },
      { subresource: 'status' },
    );
    const isRight = async (): Promise<boolean> =>
      (await bed().service('mode')).status?.loadBalancer?.ingress?.[0]?.ipMode === 'VIP';
    await bed().lab.waitFor('the mode to be VIP again', isRight, SOON);
  });

  test('works without node ports, and when they are allocated later', async () => {
    await bed().create({ name: 'portless', spec: { allocateLoadBalancerNodePorts: false } });
    const address = await bed().addressOf('portless');
    assert.deepEqual(
      (await specOf(bed(), 'portless')).ports.map(({ nodePort }) => nodePort),
      [undefined, undefined],
    );
    await Promise.all([answersTcp(bed(), address), answersUdp(bed(), address)]);
    await editService(bed(), 'portless', { allocateLoadBalancerNodePorts: true });
    assert.ok((await specOf(bed(), 'portless')).ports.every(({ nodePort = 0 }) => nodePort > 0));
    await Promise.all([answersTcp(bed(), address), answersUdp(bed(), address)]);
    assert.equal(await bed().addressOf('portless'), address);
  });

  test('leaves the health check node port and all of the spec alone', async () => {
    const created = await bed().create({ name: 'local', spec: { externalTrafficPolicy: 'Local' } });
    await bed().holding(await bed().addressOf('local'));
    await bed().condition('local', 'fairlead.io/Announced', 'True');
    const spec = await specOf(bed(), 'local');
    assert.ok((spec.healthCheckNodePort ?? 0) > 0);
    assert.deepEqual(spec, created.spec);
  });

  test('the finalizer is there before the VirtualIP, and goes after it, whoever else has one', async () => {
    const metadata = { name: 'held', namespace: WEB, finalizers: ['example.com/hold'] };
    const { spec } = await bed().service('mode');
    const clean = {
      type: spec.type,
      loadBalancerClass: CLASS,
      selector: { app: 'shop' },
      ports: ports(80, 7),
    };
    await bed().lab.api.create<ServiceObject>(SERVICE, WEB, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: clean,
    });
    const address = await bed().addressOf('held');
    assert.deepEqual([...(await finalizers('held'))].sort(), ['example.com/hold', FINALIZER]);
    await bed().remove('held');
    await bed().virtualIPGone(address);
    const isOthers = async (): Promise<boolean> => (await finalizers('held')).join() === 'example.com/hold';
    await bed().lab.waitFor('our finalizer to be gone', isOthers, SOON);
    const body = { metadata: { finalizers: null } };
    await bed().lab.api.patch(SERVICE, { namespace: WEB, name: 'held' }, { type: 'merge', body });
    await bed().serviceGone('held');
  });

  test('a Service whose finalizer was stripped leaves no VirtualIP behind', async () => {
    await bed().create({ name: 'stripped' });
    const address = await bed().addressOf('stripped');
    await bed().lab.faults.stall('controller/0');
    await bed().remove('stripped');
    const strip = { type: 'merge', body: { metadata: { finalizers: null } } } as const;
    await bed().lab.api.patch(SERVICE, { namespace: WEB, name: 'stripped' }, strip);
    await bed().serviceGone('stripped');
    assert.equal((await bed().answerers(address)).length, 1, 'nobody has told the holder');
    await bed().lab.faults.resume('controller/0');
    await bed().virtualIPGone(address);
    assert.deepEqual(await bed().answerers(address), []);
  });

  test('publishNotReadyAddresses: a pod that is not ready answers, without it not', async () => {
    await setReady(bed(), late, false);
    await bed().create({ name: 'unready', spec: { selector: { app: 'late' } } });
    const address = await bed().addressOf('unready');
    await silentTcp(bed(), address);
    await editService(bed(), 'unready', { publishNotReadyAddresses: true });
    await Promise.all([answersTcp(bed(), address), answersUdp(bed(), address)]);
    await setReady(bed(), late, true);
  });

  test('endpoints in many slices: the only one that is ready, the 300th, answers', async () => {
    await bed().create({ name: 'many', spec: { selector: null } });
    for (let slice = 0; slice < 3; slice++) {
      const endpoints = Array.from({ length: 100 }, (_, i) =>
        slice === 2 && i === 99
          ? { addresses: [late.ip], conditions: { ready: true } }
          : { addresses: [`10.250.${slice}.${i + 1}`], conditions: { ready: false, serving: false } },
      );
      await bed().lab.api.create(ENDPOINT_SLICE, WEB, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: `many-${slice}`, labels: { 'kubernetes.io/service-name': 'many' } },
        addressType: 'IPv4',
        ports: [
          { name: 'http', protocol: 'TCP', port: POD_PORTS.http },
          { name: 'udp', protocol: 'UDP', port: POD_PORTS.udp },
        ],
        endpoints,
      });
    }
    const address = await bed().addressOf('many');
    await Promise.all([answersTcp(bed(), address), answersUdp(bed(), address)]);
    assert.equal((await bed().answerAt(address)).pod, 'late-1');
  });
});
