// Never two leaders that act: a leader that was stopped for longer than its Lease, and one whose writes arrive when
// another leads already. Judged by the audit log: after the take-over no write of the former one has changed anything.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { API_VERBS } from '../../lab/api-call.ts';
import type { AuditEntry } from '../../lab/cluster.ts';
import type { Injection } from '../../lab/fault-proxy.ts';
import { PORTS, SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { LEASE, SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed, type VirtualIPObject, WEB } from './bed.ts';

/** Ten times what a take-over is expected to take, of a Lease of 15 s. */
const TAKE_OVER = minutes(3);
const CONTROLLER_LEASE = 'fairlead-controller';
const WRITES = API_VERBS.filter((verb) => !['get', 'list', 'watch'].includes(verb));

/** A replica by the name in its Lease and in its requests, `HOST:PORT`. */
const targetOf = (replica: string): string =>
  `controller/${Number(replica.split(':').at(-1)) - PORTS.controller}`;

interface Change {
  readonly stale: string;
  readonly next: string;
  /** Wall time in milliseconds. */
  readonly since: number;
}

const isOf =
  (replica: string) =>
  ({ userAgent = '' }: AuditEntry): boolean =>
    userAgent.endsWith(`(${replica})`);

const isWrite = ({ verb }: AuditEntry): boolean => WRITES.some((each) => each === verb);

const hasChanged = ({ responseStatus }: AuditEntry): boolean => (responseStatus?.code ?? 0) < 300;

const titleOf = ({ verb, objectRef, responseStatus }: AuditEntry): string =>
  `${verb} ${objectRef?.resource}/${objectRef?.name ?? ''}: ${responseStatus?.code}`;

describe('two controllers', requirement('cluster'), () => {
  const bed = useBed({
    ...{ name: 'e2e-leaders', nodes: 2, controllers: 2, faultProxy: true },
    kubeProxy: { minSyncPeriod: '0s' },
  });

  /** Who leads, once it is somebody else than `former`. */
  function leader(former = ''): Promise<string> {
    const read = async (): Promise<string | false> => {
      const ref = { namespace: SYSTEM_NAMESPACE, name: CONTROLLER_LEASE };
      const lease = await bed().lab.api.get<KubeObject & { spec: { holderIdentity?: string } }>(LEASE, ref);
      const { holderIdentity = '' } = lease.spec;
      return holderIdentity !== former && holderIdentity;
    };
    return bed().lab.waitFor(`another leader than "${former}"`, read, TAKE_OVER);
  }

  /** The writes that reached the API from this replica after the other one had taken the Lease, later than `since`. */
  async function writesAfterTakeOver({ stale, next, since }: Change): Promise<readonly AuditEntry[]> {
    const entries = await bed().lab.auditEntries();
    const isTakeOver = (entry: AuditEntry): boolean =>
      isWrite(entry) && hasChanged(entry) && entry.objectRef?.name === CONTROLLER_LEASE;
    const takeOver = entries.find(
      (entry) => isOf(next)(entry) && isTakeOver(entry) && Date.parse(entry.stageTimestamp) > since,
    );
    assert.ok(takeOver, 'the audit log shows no take-over');
    const writes = entries.filter((entry) => isOf(stale)(entry) && isWrite(entry));
    const isLater = (entry: AuditEntry): boolean =>
      Date.parse(entry.requestReceivedTimestamp) > Date.parse(takeOver.stageTimestamp);
    assert.ok(
      writes.some((entry) => hasChanged(entry) && !isLater(entry)),
      'it had done nothing before',
    );
    return writes.filter(isLater);
  }

  const edit = (name: string, spec: object): Promise<unknown> =>
    bed().lab.api.patch(SERVICE, { namespace: WEB, name }, { type: 'merge', body: { spec } });

  const virtualIPs = (): Promise<readonly VirtualIPObject[]> =>
    bed().lab.api.list<VirtualIPObject>(VIRTUAL_IP);

  /** Each of these Services is reached at an address of its own, and there are no other addresses. */
  async function assertServed(names: readonly string[]): Promise<void> {
    const addresses = await Promise.all(names.map((name) => bed().addressOf(name, TAKE_OVER)));
    assert.equal(new Set(addresses).size, names.length);
    for (const address of addresses) await bed().answerAt(address, TAKE_OVER);
    const isSettled = async (): Promise<boolean> => (await virtualIPs()).length === names.length;
    await bed().lab.waitFor('nothing but these VirtualIPs', isSettled, TAKE_OVER);
    assert.deepEqual((await virtualIPs()).map(({ spec }) => spec.address).sort(), [...addresses].sort());
  }

  const row = (name: string, count: number): readonly string[] =>
    Array.from({ length: count }, (_, i) => `${name}-${i + 1}`);

  test('a leader that was stopped for longer than its Lease writes nothing when it goes on', async (t) => {
    const { faults, processes, waitFor } = bed().lab;
    const stale = await leader();
    const names = row('stopped', 40);
    const created = Promise.all(names.map((name) => bed().create({ name })));
    const hasBegun = async (): Promise<boolean> => (await virtualIPs()).length > 3;
    await waitFor('the leader to be at work', hasBegun, SOON);
    const since = Date.now();
    await faults.stall(targetOf(stale));
    await created;
    assert.ok((await virtualIPs()).length < names.length, 'it was stopped when all was done');
    const next = await leader(stale);
    for (const name of names.slice(0, 5)) await bed().remove(name);
    for (const name of names.slice(5, 10)) await edit(name, { type: 'ClusterIP', loadBalancerClass: null });
    await assertServed(names.slice(10));
    const ended = processes.exited(targetOf(stale));
    await faults.resume(targetOf(stale));
    assert.equal((await ended).code, 1);
    assert.deepEqual((await writesAfterTakeOver({ stale, next, since })).map(titleOf), []);
    await assertServed(names.slice(10));
    assert.equal(await leader(), next);
    t.diagnostic(`${stale} was stopped, ${next} took over`);
    await faults.start(targetOf(stale));
    await Promise.all(names.slice(5).map((name) => bed().remove(name)));
  });

  test('what a leader had sent and arrives when another leads is refused by the API', async (t) => {
    const { proxy, processes, waitFor } = bed().lab;
    await waitFor('all to be clean', async () => (await virtualIPs()).length === 0, TAKE_OVER);
    for (const name of ['leaves', 'changes']) await bed().create({ name });
    await assertServed(['leaves', 'changes']);
    const stale = await leader();
    const since = Date.now();
    const holds = holdWrites(stale);
    for (const name of ['fresh', 'late-1', 'late-2']) await bed().create({ name });
    await bed().remove('leaves');
    await edit('changes', { ports: [{ name: 'http', port: 8080, targetPort: 'http' }] });
    // Its renewals are held up as well.
    assert.equal((await processes.exited(targetOf(stale))).code, 1);
    const next = await leader(stale);
    await bed().addressOf('late-2', TAKE_OVER);
    await bed().serviceGone('leaves');
    const held = holds.flatMap(({ struck }) => struck.map(({ verb, path }) => `${verb} ${kindOf(path)}`));
    proxy.calm();
    const hasArrived = async (): Promise<boolean> =>
      (await writesAfterTakeOver({ stale, next, since })).length >= held.length;
    await waitFor(`${held.length} late writes`, hasArrived, SOON);
    const late = await writesAfterTakeOver({ stale, next, since });
    t.diagnostic(late.map(titleOf).join(', '));
    assert.deepEqual(late.filter(hasChanged).map(titleOf), []);
    const wanted = [
      'create virtualips',
      'delete virtualips',
      'patch services',
      'patch virtualips',
      'update leases',
    ];
    assert.deepEqual(
      wanted.filter((each) => !held.includes(each)),
      [],
      `held: ${held.join(', ')}`,
    );
    await bed().answerAt(`${await bed().addressOf('changes')}:8080`);
  });

  /** Of the Service `fresh` only the finalizer passes, so that a VirtualIP is made for it. */
  function holdWrites(replica: string): readonly Injection[] {
    const userAgent = new RegExp(`\\(${replica.replaceAll('.', '\\.')}\\)$`);
    const path = /^(?!.*services\/fresh)(?!.*\/events)/;
    return WRITES.map((verb) => bed().lab.proxy.inject({ kind: 'hold' }, { verb, userAgent, path }));
  }
});

const kindOf = (path: string): string =>
  /\/(services|virtualips|leases|addresspools)\b/.exec(path)?.[1] ?? path;
