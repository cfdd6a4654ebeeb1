// What Services and pools can ask for besides one address, on a real API server, kube-proxy and wire.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LabApiError } from '../../lab/kube-client.ts';
import { poolManifest } from '../../lab/pool-manifest.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { ADDRESS_POOL, NAMESPACE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { requirement } from '../requirements.ts';
import { type Condition, SOON, useBed, WEB } from './bed.ts';

interface PoolObject extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly ipv6?: { readonly allocated: string };
    readonly conditions?: readonly Condition[];
  };
}

interface PoolSpec {
  readonly addresses: readonly string[];
  readonly [field: string]: unknown;
}

const KEY = { 'fairlead.io/sharing-key': 'one' };
const onPort = (port: number) => ({ ports: [{ name: 'http', port, targetPort: 'http' }] });

describe('addresses', requirement('cluster'), () => {
  const bed = useBed({
    ...{ name: 'e2e-addresses', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } },
    controllerArguments: ['--replacement-overlap', '1s'],
  });

  const pool = (name: string, { addresses, ...rules }: PoolSpec) =>
    bed().lab.apply(poolManifest(name, addresses, rules));
  const editPool = (body: object) =>
    bed().lab.api.patch(ADDRESS_POOL, { name: 'default' }, { type: 'merge', body: { spec: body } });
  const ips = async (name: string) =>
    ((await bed().service(name)).status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  const phaseOf = (address: string, phase: string) => {
    const isSo = async () => (await bed().virtualIP(address)).status?.phase === phase;
    return bed().lab.waitFor(`${address} to be ${phase}`, isSo, SOON);
  };
  const sharersOf = async (address: string) =>
    ((await bed().virtualIP(address)).spec.services ?? []).map(({ name }) => name);
  const annotation = async (name: string, key: string) =>
    (await bed().service(name)).metadata.annotations?.[key];

  test('a pool with every field is taken as it is, with the defaults of the others', async () => {
    const spec = {
      ...{ addresses: ['10.99.0.0/24'], exclude: ['10.99.0.7'], namespaces: ['team-a'], priority: 7 },
      namespaceSelector: { matchLabels: { tenant: 'a' } },
      serviceSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }] },
      ...{ autoAssign: false, announce: false, avoidEdges: true, disabled: true },
      ...{ quota: { perNamespace: 3 }, sharing: 'Cluster' },
    };
    await pool('full', spec);
    const stored = await bed().lab.api.get<PoolObject>(ADDRESS_POOL, { name: 'full' });
    assert.deepEqual(stored.spec, spec);
    await pool('bare', { addresses: ['10.98.0.0/24'], disabled: true });
    const bare = await bed().lab.api.get<PoolObject>(ADDRESS_POOL, { name: 'bare' });
    assert.partialDeepStrictEqual(bare.spec, { priority: 100, autoAssign: true, sharing: 'Namespace' });
    for (const name of ['full', 'bare']) await bed().lab.api.remove(ADDRESS_POOL, { name });
  });

  const REFUSED: readonly object[] = [
    { priority: 1001 },
    { sharing: 'Everywhere' },
    { quota: { perNamespace: -1 } },
    { namespaces: [] },
    { serviceSelector: { matchExpressions: [{ key: 'tier', operator: 'In' }] } },
    { serviceSelector: { matchExpressions: [{ key: 'tier', operator: 'Exists', values: ['front'] }] } },
  ];
  for (const spec of REFUSED) {
    test(`the API server refuses a pool with ${JSON.stringify(spec)}`, async () => {
      await assert.rejects(
        pool('refused', { addresses: ['10.97.0.0/24'], ...spec }),
        (error: unknown) => error instanceof LabApiError && error.code === 'Invalid',
      );
    });
  }

  test('two Services share an address on one node, and one goes on when the other is deleted', async () => {
    await bed().create({ name: 'one', spec: onPort(80), annotations: KEY });
    const address = await bed().addressOf('one');
    await bed().create({ name: 'two', spec: onPort(81), annotations: KEY });
    assert.equal(await bed().addressOf('two'), address);
    assert.deepEqual(await sharersOf(address), ['one', 'two']);
    await bed().answerAt(address);
    await bed().answerAt(`${address}:81`);
    const held = await bed().holding(address);
    await bed().remove('one');
    await bed().serviceGone('one');
    await bed().answerAt(`${address}:81`);
    assert.deepEqual(await sharersOf(address), ['two']);
    assert.deepEqual(await bed().holding(address), held);
    await bed().remove('two');
    await bed().virtualIPGone(address);
  });

  test('an address is retained for a Service of the same name, silent in between', async () => {
    await bed().create({ name: 'kept', annotations: { 'fairlead.io/retain': 'true' } });
    const address = await bed().addressOf('kept');
    await bed().answerAt(address);
    await bed().remove('kept');
    await bed().serviceGone('kept');
    const { spec } = await bed().virtualIP(address);
    assert.deepEqual(spec.reservedFor, { namespace: WEB, name: 'kept' });
    await bed().lab.waitFor('silence', async () => (await bed().answerers(address)).length === 0, SOON);
    await phaseOf(address, 'Withdrawn');
    await bed().create({ name: 'other', spec: { loadBalancerIP: address } });
    assert.equal(
      (await bed().condition('other', 'fairlead.io/Allocated', 'False')).reason,
      'AddressReserved',
    );
    await bed().create({ name: 'kept' });
    assert.equal(await bed().addressOf('kept'), address);
    await bed().answerAt(address);
    assert.equal((await bed().answerers(address)).length, 1);
    await phaseOf(address, 'Announced');
  });

  test('a reservation by hand is given to the Service that it names', async () => {
    const spec = {
      address: '10.77.0.200',
      family: 'IPv4',
      reservedFor: { namespace: WEB, name: 'reserved' },
    };
    const apiVersion = 'fairlead.io/v1alpha1';
    const reservation = { apiVersion, kind: 'VirtualIP', metadata: { name: spec.address }, spec };
    await bed().lab.apply(reservation);
    await bed().create({ name: 'reserved' });
    assert.equal(await bed().addressOf('reserved'), spec.address);
    await bed().answerAt(spec.address);
    await bed().remove('reserved');
    await bed().serviceGone('reserved');
    await bed().lab.api.remove(VIRTUAL_IP, { name: spec.address });
    await bed().virtualIPGone(spec.address);
  });

  test('a pool that is edited moves nobody, and renumber does', async () => {
    await bed().create({ name: 'moving' });
    const before = await bed().addressOf('moving');
    assert.equal(await annotation('moving', 'fairlead.io/allocated-from'), 'default');
    await editPool({ addresses: ['10.77.0.120-10.77.0.129'] });
    const outside = await bed().condition('moving', 'fairlead.io/OutsidePool', 'True');
    assert.match(outside.message, new RegExp(`^${before} is in no AddressPool`));
    assert.equal((await bed().event('moving', 'OutsidePool')).type, 'Warning');
    assert.deepEqual(await ips('moving'), [before]);
    await bed().change('moving', { metadata: { annotations: { 'fairlead.io/renumber': 'now' } } });
    await bed().virtualIPGone(before);
    assert.deepEqual(await ips('moving'), ['10.77.0.120']);
    assert.equal(await annotation('moving', 'fairlead.io/renumber'), undefined);
    await bed().answerAt('10.77.0.120');
    const { status } = await bed().service('moving');
    assert.ok(status?.conditions?.every(({ type }) => type !== 'fairlead.io/OutsidePool'));
  });

  test('both families, and back to one: the address of the first stays', async () => {
    await editPool({ addresses: ['10.77.0.120-10.77.0.129', 'fd77::100/120'] });
    await bed().create({ name: 'both' });
    const address = await bed().addressOf('both');
    await bed().change('both', {
      spec: { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] },
    });
    const six = 'fd77-0-0-0-0-0-0-100';
    const made = await bed().lab.waitFor(
      'the second address',
      async () => {
        const all = await bed().lab.api.list<KubeObject & { spec: { candidates?: string[] } }>(VIRTUAL_IP);
        return all.find(({ metadata }) => metadata.name === six);
      },
      SOON,
    );
    assert.deepEqual(made.spec.candidates ?? [], []);
    assert.deepEqual(await ips('both'), [address], 'IPv6 is not announced yet');
    await bed().change('both', { spec: { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] } });
    await bed().virtualIPGone(six);
    assert.deepEqual(await ips('both'), [address]);
    await bed().answerAt(address);
  });

  test('a pool of a namespace serves it when the namespace gets the label', async () => {
    await pool('default', {
      addresses: ['10.77.0.120-10.77.0.129'],
      namespaceSelector: { matchLabels: { tenant: 'b' } },
    });
    await bed().create({ name: 'labelled' });
    const allocated = await bed().condition('labelled', 'fairlead.io/Allocated', 'False');
    assert.equal(allocated.reason, 'NamespaceNotAllowed');
    const body = { metadata: { labels: { tenant: 'b' } } };
    await bed().lab.api.patch(NAMESPACE, { name: WEB }, { type: 'merge', body });
    await bed().answerAt(await bed().addressOf('labelled'));
  });
});
