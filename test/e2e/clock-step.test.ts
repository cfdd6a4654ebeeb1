// Wall clocks that are wrong and that jump by an hour, each program's another way: nobody takes anything from anybody,
// because leases and heartbeats are judged by what is observed, on a clock that can not be stepped.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PORTS, SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { longestGap } from '../../lab/prober.ts';
import { leaseName } from '../../src/agent/liveness-feed.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { ANNOUNCER, LEASE } from '../../src/kube/kinds.ts';
import type { Condition } from '../../src/resource/condition.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed } from './bed.ts';

const HOUR = 3600;
/** Longer than any Lease here lives. */
const PAST_ALL_LEASES = seconds(17);
const PRELOAD = fileURLToPath(new URL('../../lab/shifted-clock.ts', import.meta.url));

interface LeaseObject extends KubeObject {
  readonly spec: {
    readonly holderIdentity: string;
    readonly leaseTransitions: number;
    readonly renewTime: string;
  };
}

interface AnnouncerObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

describe('wall clocks', requirement('cluster'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-clock-'));
  after(() => rmSync(folder, { recursive: true }));
  const fileOf = (target: string): string => join(folder, target.replace('/', '-'));
  const setClock = (target: string, hours: number): void => writeFileSync(fileOf(target), `${hours * HOUR}`);

  const bed = useBed({
    ...{ name: 'e2e-clock', nodes: 2, controllers: 2, kubeProxy: { minSyncPeriod: '0s' } },
    environmentOf: (target) => {
      setClock(target, 0);
      return { NODE_OPTIONS: `--import=${PRELOAD}`, FAIRLEAD_LAB_CLOCK: fileOf(target) };
    },
  });

  const lease = (name: string): Promise<LeaseObject> =>
    bed().lab.api.get<LeaseObject>(LEASE, { namespace: SYSTEM_NAMESPACE, name });

  /** How far the clock is off that a Lease was renewed by, in whole hours. */
  const hoursOff = async (name: string): Promise<number> =>
    Math.round((Date.parse((await lease(name)).spec.renewTime) - Date.now()) / 1000 / HOUR);

  async function everybody(): Promise<{
    readonly [role in 'leader' | 'standby' | 'holder' | 'other']: string;
  }> {
    const { holderIdentity } = (await lease('fairlead-controller')).spec;
    const leads = Number(holderIdentity.split(':').at(-1)) - PORTS.controller;
    const { holder } = await bed().holding(await bed().addressOf('steady'));
    const other = bed().lab.network.nodes.find(({ name }) => name !== holder)?.name ?? '';
    const [leader, standby] = [`controller/${leads}`, `controller/${1 - leads}`];
    return { leader, standby, holder, other };
  }

  const hasHeartbeats = async (name: string): Promise<boolean> => {
    const { status } = await bed().lab.api.get<AnnouncerObject>(ANNOUNCER, { name });
    return status?.conditions?.find(({ type }) => type === 'HeartbeatKey')?.status === 'True';
  };

  async function restart(target: string): Promise<void> {
    await bed().lab.faults.kill(target);
    await bed().lab.faults.start(target);
  }

  test('steps of an hour and skews of two move no address and no leadership', async (t) => {
    const { lab } = bed();
    await bed().create({ name: 'steady' });
    const address = await bed().addressOf('steady');
    await bed().answerAt(address);
    const held = await bed().holding(address);
    const { spec: led } = await lease('fairlead-controller');
    const { leader, standby, holder, other } = await everybody();
    for (const name of [holder, other])
      await lab.waitFor(`heartbeats of ${name}`, () => hasHeartbeats(name), SOON);
    const prober = await lab.clientUdp({ address, port: 7, interval: milliseconds(20) });
    for (const [round, hours] of [1, -1].entries()) {
      for (const [target, sign] of Object.entries({ [leader]: 1, [standby]: -1, [`agent/${holder}`]: 1 }))
        setClock(target, sign * hours);
      setClock(`agent/${other}`, -hours);
      const isStepped = async (): Promise<boolean> => (await hoursOff(leaseName(holder))) === hours;
      await lab.waitFor('the stepped clock to be in the Lease', isStepped, SOON);
      // Who starts with a clock like this knows others by their Leases only, whose times are hours off.
      await Promise.all([restart(standby), restart(`agent/${other}`)]);
      await sleep(PAST_ALL_LEASES);
      const { spec } = await lease('fairlead-controller');
      assert.deepEqual(
        [spec.holderIdentity, spec.leaseTransitions, await hoursOff('fairlead-controller')],
        [led.holderIdentity, led.leaseTransitions, hours],
      );
      assert.deepEqual(await bed().holding(address), held);
      await bed().create({ name: `after-${round}` });
      await bed().answerAt(await bed().addressOf(`after-${round}`));
    }
    const report = await prober.stop();
    t.diagnostic(`${report.sent} sent, ${report.replies.length} answered`);
    assert.equal(report.sent - report.replies.length, 0, `lost; longest gap ${longestGap(report)} ms`);
  });
});
