// Fairlead's programs while their API fails in each way for some seconds: what is held goes on being answered by who
// holds it, and what was asked for meanwhile is done when the API is back.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { API_VERBS } from '../../lab/api-call.ts';
import type { ApiFault, FaultProxy } from '../../lab/fault-proxy.ts';
import { longestGap } from '../../lab/prober.ts';
import { milliseconds, minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed } from './bed.ts';

interface Outage {
  readonly name: string;
  begin(proxy: FaultProxy): unknown;
}

const refusing = (name: string, fault: ApiFault): Outage => ({
  name,
  begin(proxy) {
    proxy.inject(fault);
    proxy.resetAll();
  },
});

const OUTAGES: readonly Outage[] = [
  ...[403, 500].map((status) => refusing(`status-${status}`, { kind: 'status', status })),
  refusing('too-many', { kind: 'status', status: 429, retryAfterSeconds: 1 }),
  refusing('reset', { kind: 'reset' }),
  {
    name: 'silence',
    begin(proxy) {
      // An open watch that falls silent while TCP is alive takes minutes to notice: test/e2e/api-faults.test.ts.
      for (const verb of API_VERBS.filter((each) => each !== 'watch'))
        proxy.inject({ kind: 'silence' }, { verb });
    },
  },
  {
    name: 'tls',
    begin(proxy) {
      proxy.failTls('stranger');
      proxy.resetAll();
    },
  },
  { name: 'half-open', begin: (proxy) => proxy.drop() },
];

/** Less than what the leader's Lease and those of nodes allow. */
const DURATION = milliseconds(4000);
const INTERVAL = milliseconds(20);

describe('an API that fails for some seconds', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-outage', nodes: 2, faultProxy: true, kubeProxy: { minSyncPeriod: '0s' } });

  const ended: string[] = [];

  before(() => {
    bed().lab.processes.onExit(({ target, wasAsked, code, signal }) => {
      if (!wasAsked) ended.push(`${target}: ${signal ?? code}`);
    });
  });

  for (const outage of OUTAGES) {
    test(outage.name, async (t) => {
      const { lab } = bed();
      await bed().create({ name: `held-${outage.name}` });
      const address = await bed().addressOf(`held-${outage.name}`);
      await bed().answerAt(address);
      const before = await bed().holding(address);
      const prober = await lab.clientUdp({ address, port: 7, interval: INTERVAL });
      const answeredFor = (time: number) => () => prober.replies.length * INTERVAL > time;
      await lab.waitFor('the first answers', answeredFor(0), SOON);
      await outage.begin(lab.proxy);
      await bed().create({ name: `asked-${outage.name}` });
      await lab.waitFor('the outage', answeredFor(DURATION), SOON);
      assert.equal((await bed().service(`asked-${outage.name}`)).status?.loadBalancer?.ingress, undefined);
      lab.proxy.calm();
      const healed = performance.now();
      await bed().answerAt(await bed().addressOf(`asked-${outage.name}`, minutes(2)), minutes(2));
      t.diagnostic(`done ${((performance.now() - healed) / 1000).toFixed(1)} s after the API was back`);
      const report = await prober.stop();
      assert.equal(report.sent - report.replies.length, 0, `lost; longest gap ${longestGap(report)} ms`);
      assert.deepEqual(await bed().holding(address), before);
      assert.deepEqual(ended, [], 'neither agents nor the controller, which goes on leading');
    });
  }
});
