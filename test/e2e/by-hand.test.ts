// What an administrator does to our objects by hand, and an API server that stands still: nobody else begins to answer.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry } from '../../lab/cluster.ts';
import { SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { longestGap } from '../../lab/prober.ts';
import { leaseName } from '../../src/agent/liveness-feed.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { LEASE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { AFTER_LEASE_EXPIRY, type Holding, SOON, useBed } from './bed.ts';

/** Longer than a node's Lease lives, with its renewal at any moment before. */
const STANDSTILL = seconds(23);

describe('by hand', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-by-hand', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } });

  before(() => {
    bed().keepRunning();
  });

  /** What Fairlead's programs have written since then (wall time), except renewed Leases and the Announcers' measurements. */
  async function writesSince(since: number): Promise<readonly string[]> {
    const entries = (await bed().lab.auditEntries()).filter(
      ({ userAgent = '', requestReceivedTimestamp }) =>
        userAgent.startsWith('fairlead-') && Date.parse(requestReceivedTimestamp) > since,
    );
    assert.ok(entries.length > 0, 'no renewal either');
    const isNews = ({ verb, objectRef }: AuditEntry): boolean =>
      /^(create|update|patch|delete)$/.test(verb) &&
      !['leases', 'announcers'].includes(objectRef?.resource ?? '');
    return entries
      .filter(isNews)
      .map(({ verb, requestURI, userAgent }) => `${verb} ${requestURI} by ${userAgent}`);
  }

  /** An agent that starts knows nothing but the API. */
  async function restart(node: string): Promise<void> {
    await bed().lab.faults.kill(`agent/${node}`);
    await bed().lab.faults.start(`agent/${node}`);
  }

  test('a status that was wiped is recorded again, before an agent that starts takes it at its word', async () => {
    await bed().create({ name: 'wiped' });
    const address = await bed().addressOf('wiped');
    const first = await bed().holding(address);
    await restart(first.holder);
    const held = await bed().holding(address, ({ epoch }) => epoch > first.epoch);
    const patch = { type: 'json', operations: [{ op: 'remove', path: '/status' }] } as const;
    await bed().lab.api.patch(VIRTUAL_IP, { name: address }, patch, { subresource: 'status' });
    assert.deepEqual(await bed().holding(address), held);
    for (const node of bed().lab.network.nodes.map(({ name }) => name))
      if (node !== held.holder) await restart(node);
    await bed().answerAt(address);
    assert.deepEqual(await bed().answerers(address), [bed().macOf(held.holder)]);
    assert.deepEqual(await bed().holding(address), held);
  });

  test('a Lease that was deleted moves no address, and is there again at once', async (t) => {
    const { lab } = bed();
    await bed().create({ name: 'unleased' });
    const address = await bed().addressOf('unleased');
    await bed().answerAt(address);
    const held = await bed().holding(address);
    const prober = await lab.clientUdp({ address, port: 7, interval: milliseconds(20) });
    const ref = { namespace: SYSTEM_NAMESPACE, name: leaseName(held.holder) };
    const { uid } = (await lab.api.get<KubeObject>(LEASE, ref)).metadata;
    const began = performance.now();
    await lab.api.remove(LEASE, ref);
    const isNew = async (): Promise<boolean> =>
      (await lab.api.get<KubeObject>(LEASE, ref)).metadata.uid !== uid;
    // It is renewed every 7 s: this must not wait for that.
    await lab.waitFor('the Lease to be made anew', isNew, seconds(5));
    t.diagnostic(`made anew after ${(performance.now() - began).toFixed(0)} ms`);
    // The counts in a pool's status may be written five seconds late, and an event a moment.
    const quietSince = Date.now() + seconds(6);
    await lab.waitFor('the old Lease to be over', () => performance.now() - began > STANDSTILL, SOON);
    assert.deepEqual(await writesSince(quietSince), [], 'where nothing changes nothing is written');
    assert.deepEqual(await bed().holding(address), held);
    const report = await prober.stop();
    assert.equal(report.sent - report.replies.length, 0, `longest gap ${longestGap(report)} ms`);
  });

  test('an API server that stands still moves no address', async () => {
    const names = ['still-1', 'still-2', 'still-3', 'still-4'];
    for (const name of names) await bed().create({ name });
    const addresses = await Promise.all(names.map((name) => bed().addressOf(name)));
    const read = (): Promise<readonly Holding[]> =>
      Promise.all(addresses.map((address) => bed().holding(address)));
    const held = await read();
    await bed().lab.faults.stall('apiserver');
    await sleep(STANDSTILL);
    const [first, address] = [held[0], addresses[0]];
    assert.ok(first !== undefined && address !== undefined);
    assert.deepEqual(await bed().answerers(address), [bed().macOf(first.holder)]);
    await bed().lab.faults.resume('apiserver');
    // Whoever claimed meanwhile has written it when a new Service works again.
    await bed().create({ name: 'afterwards' });
    await bed().answerAt(await bed().addressOf('afterwards', AFTER_LEASE_EXPIRY), AFTER_LEASE_EXPIRY);
    assert.deepEqual(await read(), held);
  });
});
