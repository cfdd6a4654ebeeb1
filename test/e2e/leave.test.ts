// How an address moves: a holder that is asked to leave hands over without an interruption; one that loses its power
// is replaced, and does not come back as a second answerer.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { longestGap } from '../../lab/prober.ts';
import { milliseconds, minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { AFTER_LEASE_EXPIRY, SOON, useBed } from './bed.ts';

const ADDRESS = '10.77.0.50';

describe('leaving', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-leave', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } });

  test('a holder that ends on SIGTERM is followed without a lost request', async (t) => {
    await bed().create({ name: 'steady' });
    assert.equal(await bed().addressOf('steady'), ADDRESS);
    await bed().answerAt(ADDRESS);
    const before = await bed().holding(ADDRESS);
    const prober = await bed().lab.clientUdp({ address: ADDRESS, port: 7, interval: milliseconds(5) });
    await bed().lab.waitFor('answers over UDP', () => prober.replies.length > 50, SOON);
    const leaver = `agent/${before.holder}`;
    await bed().lab.faults.term(leaver);
    const exit = await bed().lab.processes.exited(leaver);
    const next = await bed().holding(ADDRESS, ({ holder }) => holder !== before.holder);
    const count = prober.replies.length;
    await bed().lab.waitFor('more answers', () => prober.replies.length > count + 50, SOON);
    const report = await prober.stop();
    t.diagnostic(
      `${report.sent} sent, ${report.replies.length} answered, longest gap ${longestGap(report).toFixed(1)} ms`,
    );
    assert.equal(exit.code, 0, `the agent ended with ${exit.signal ?? exit.code}`);
    assert.equal(next.epoch, before.epoch + 1);
    assert.equal(report.sent - report.replies.length, 0, 'requests were lost');
    assert.deepEqual(await bed().answerers(ADDRESS), [bed().macOf(next.holder)]);
    await bed().lab.faults.start(leaver);
  });

  test('an agent that returns takes nothing back', async () => {
    const before = await bed().holding(ADDRESS);
    await bed().create({ name: 'witness' });
    await bed().answerAt(await bed().addressOf('witness'));
    assert.deepEqual(await bed().holding(ADDRESS), before);
  });

  test('a holder without power is followed, and takes nothing back when it has power again', async (t) => {
    const before = await bed().holding(ADDRESS);
    const { at } = await bed().lab.faults.powerOff(before.holder);
    const next = await bed().holding(ADDRESS, ({ holder }) => holder !== before.holder, AFTER_LEASE_EXPIRY);
    await bed().answerAt(ADDRESS, minutes(1));
    t.diagnostic(`answered again after ${Number(process.hrtime.bigint() - at) / 1e9} s`);
    assert.equal(next.epoch, before.epoch + 1);
    assert.deepEqual(await bed().answerers(ADDRESS), [bed().macOf(next.holder)]);
    await bed().lab.faults.powerOn(before.holder);
    await bed().lab.waitFor(
      'the old holder to fall silent',
      async () => (await bed().answerers(ADDRESS)).join() === bed().macOf(next.holder),
      AFTER_LEASE_EXPIRY,
    );
    // The claim that stays is raised above the one that it was compared with.
    const last = await bed().holding(ADDRESS);
    assert.equal(last.holder, next.holder);
    assert.ok(last.epoch >= next.epoch, `${last.epoch} after ${next.epoch}`);
  });
});
