// Where addresses are held, with real agents: evenly over the nodes, away from one that is excluded and not back when it
// returns, and where the pods are.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NODE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed, type VirtualIPObject, WEB } from './bed.ts';

const NODES = ['node1', 'node2', 'node3'];

describe('the placement of addresses', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-placement', nodes: NODES.length, kubeProxy: { minSyncPeriod: '0s' } });

  const virtualIPs = () => bed().lab.api.list<VirtualIPObject>(VIRTUAL_IP);
  const holders = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await virtualIPs()).map(({ metadata, status }) => [metadata.name, status?.holder ?? '']),
    );
  const countsOf = (held: Record<string, string>) =>
    NODES.map((node) => Object.values(held).filter((holder) => holder === node).length);
  const until = (what: string, accept: (held: Record<string, string>) => boolean) =>
    bed().lab.waitFor(
      what,
      async () => {
        const held = await holders();
        return accept(held) ? held : undefined;
      },
      SOON,
    );
  const candidates = async (name: string) => (await bed().virtualIP(name)).spec.candidates ?? [];
  const exclude = (value: string | null) => {
    const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': value };
    const patch = { type: 'merge', body: { metadata: { labels } } } as const;
    return bed().lab.api.patch(NODE, { name: 'node2' }, patch);
  };

  test('nine Services are held by three nodes, three by each', async () => {
    const names = Array.from({ length: 9 }, (_, i) => `s${i}`);
    const [first = '', ...others] = names;
    await bed().create({ name: first });
    const address = await bed().addressOf(first);
    // An agent is ready before the controller has seen its Announcer, and what is placed by then stays.
    const areKnown = async () => (await candidates(address)).length === NODES.length || undefined;
    await bed().lab.waitFor('all nodes to be candidates', areKnown, SOON);
    await Promise.all(others.map((name) => bed().create({ name })));
    const isHeld = (now: Record<string, string>) =>
      Object.values(now).filter((holder) => holder !== '').length === 9;
    const held = await until('nine addresses to be held', isHeld);
    assert.deepEqual(countsOf(held), [3, 3, 3]);
  });

  test('an excluded node hands its three over, and they are answered for', async () => {
    const before = await holders();
    await exclude('');
    const held = await until('node2 to hold nothing', (now) => !Object.values(now).includes('node2'));
    for (const [address, holder] of Object.entries(before)) {
      if (holder === 'node2') await bed().answerAt(address);
      else assert.equal(held[address], holder, `${address} stays`);
    }
    assert.ok(Math.max(...countsOf(held)) <= 5, `${countsOf(held)}`);
  });

  test('when it may hold addresses again it is a candidate, and nothing moves', async () => {
    const before = await holders();
    await exclude(null);
    for (const name of Object.keys(before))
      await bed().lab.waitFor(
        `node2 to be a candidate for ${name}, not the first`,
        async () => (await candidates(name)).indexOf('node2') > 0 || undefined,
        SOON,
      );
    assert.deepEqual(await holders(), before);
  });

  test('an address with policy Local is held where the pod is, and stays there with policy Cluster', async () => {
    const [pod] = await bed().lab.runWorkload({ namespace: WEB, name: 'lone', replicas: 1 });
    assert.ok(pod);
    await bed().create({
      name: 'local',
      spec: { selector: { app: 'lone' }, externalTrafficPolicy: 'Local' },
    });
    const address = await bed().addressOf('local');
    await bed().holding(address, ({ holder }) => holder === pod.node);
    assert.deepEqual(await candidates(address), [pod.node]);
    const answer = await bed().answerAt(address);
    assert.equal(answer.pod, pod.name);
    await bed().change('local', { spec: { externalTrafficPolicy: 'Cluster' } });
    const all = async () => (await candidates(address)).length === NODES.length || undefined;
    await bed().lab.waitFor('all nodes to be candidates', all, SOON);
    assert.equal((await bed().holding(address)).holder, pod.node);
  });
});
