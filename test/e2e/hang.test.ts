// A main thread that hangs: the worker beside it goes on answering, a healthy agent takes over, and only then the first
// one is silent. Judged from the client: its requests, and who claims the address in the ARP packets that reach it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { type ArpCapture, captureArp } from '../../lab/capture.ts';
import { getIn } from '../../lab/http-client.ts';
import { PORTS } from '../../lab/installation.ts';
import { longestGap } from '../../lab/prober.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type Bed, SOON, useBed } from './bed.ts';

const ADDRESS = '10.77.0.50';
const FORGOTTEN = 2;
/** Ten times what a busy machine has shown; who falls silent before it is followed is silent for 2 s. */
const SILENCE = seconds(1);

/** Makes the client ask who has the address, some twenty times a second, until the test ends. */
async function askingArp(t: TestContext, { lab }: Bed): Promise<ArpCapture> {
  const { netns } = lab.network.client;
  const capture = await captureArp(netns);
  const forget = `while :; do ip neigh flush dev eth0 to ${ADDRESS}; sleep 0.05; done`;
  const asking = spawn('ip', ['netns', 'exec', netns, 'sh', '-c', forget], { stdio: 'ignore' });
  t.after(async () => {
    asking.kill();
    await capture.stop();
  });
  return capture;
}

async function healthOf({ lab }: Bed, node: string): Promise<number | undefined> {
  const host = lab.network.nodes.find(({ name }) => name === node);
  assert.ok(host);
  const url = `http://${host.ip}:${PORTS.agent}/healthz`;
  const answer = await getIn(host.netns, url, { timeout: seconds(1) }).catch(() => undefined);
  return answer?.status;
}

describe('a main thread that hangs', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-hang', nodes: 2, hangable: true, kubeProxy: { minSyncPeriod: '0s' } });

  test('its addresses go to a healthy agent, without a lost request and without a silent moment', async (t) => {
    await bed().create({ name: 'shop' });
    await bed().answerAt(await bed().addressOf('shop'));
    const before = await bed().holding(ADDRESS);
    const prober = await bed().lab.clientUdp({ address: ADDRESS, port: 7, interval: milliseconds(5) });
    const capture = await askingArp(t, bed());
    await bed().lab.waitFor('answers over UDP', () => prober.replies.length > 50, SOON);
    await bed().lab.faults.hangMain(`agent/${before.holder}`);
    const began = Date.now();
    const next = await bed().holding(ADDRESS, ({ holder }) => holder !== before.holder);
    assert.equal(
      await healthOf(bed(), before.holder),
      undefined,
      '/healthz of a main loop that hangs is no answer',
    );
    const count = prober.replies.length;
    await bed().lab.waitFor('more answers', () => prober.replies.length > count + 50, SOON);
    const report = await prober.stop();
    const [old, taker] = [before.holder, next.holder].map((node) =>
      capture.all(ADDRESS).filter(({ mac, time }) => mac === bed().macOf(node) && time > began),
    );
    const taken = taker?.[0]?.time ?? Number.NaN;
    const last = old?.at(-1)?.time ?? Number.NaN;
    t.diagnostic(
      `taken over after ${(taken - began).toFixed(0)} ms, both answered for ${Math.max(0, last - taken).toFixed(1)} ms; ` +
        `${report.sent} sent, ${report.replies.length} answered, longest gap ${longestGap(report).toFixed(1)} ms`,
    );
    assert.equal(next.epoch, before.epoch + 1);
    // The client's kernel throws away what waits for an answer to ARP in the instant in which the test makes it forget.
    assert.ok(report.sent - report.replies.length <= FORGOTTEN, 'requests were lost');
    assert.ok(longestGap(report) < SILENCE, 'nobody answered for a while');
    assert.ok(
      (old?.length ?? 0) >= 10,
      'the worker of the hung agent went on answering until it was followed',
    );
    assert.ok(taken - last < 1000, 'nobody answered for a while');
    assert.deepEqual(await bed().answerers(ADDRESS), [bed().macOf(next.holder)]);
  });

  test('when it moves again it takes nothing back and is alive', async () => {
    const before = await bed().holding(ADDRESS);
    const [hung] = bed().lab.network.nodes.filter(({ name }) => name !== before.holder);
    assert.ok(hung);
    await bed().lab.faults.healMain(`agent/${hung.name}`);
    await bed().lab.waitFor('health', async () => (await healthOf(bed(), hung.name)) === 200, SOON);
    await bed().create({ name: 'witness' });
    await bed().answerAt(await bed().addressOf('witness'));
    assert.deepEqual(await bed().holding(ADDRESS), before);
    assert.deepEqual(await bed().answerers(ADDRESS), [bed().macOf(before.holder)]);
  });

  test('when all hang together nothing is lost and nothing moves', async () => {
    const before = await bed().holding(ADDRESS);
    const prober = await bed().lab.clientUdp({ address: ADDRESS, port: 7, interval: milliseconds(5) });
    await bed().lab.waitFor('answers over UDP', () => prober.replies.length > 50, SOON);
    const agents = bed().lab.network.nodes.map(({ name }) => `agent/${name}`);
    for (const agent of agents) await bed().lab.faults.hangMain(agent);
    const count = prober.replies.length;
    await bed().lab.waitFor('answers for 5 s', () => prober.replies.length > count + 1000, SOON);
    assert.deepEqual(await bed().answerers(ADDRESS), [bed().macOf(before.holder)]);
    // Not in the same instant, as after an API server's restart that made them all hang.
    for (const agent of agents) await bed().lab.faults.healMain(agent);
    const healed = prober.replies.length;
    await bed().lab.waitFor('more answers', () => prober.replies.length > healed + 1000, SOON);
    const report = await prober.stop();
    assert.equal(report.sent - report.replies.length, 0, 'requests were lost');
    assert.deepEqual(await bed().holding(ADDRESS), before);
  });
});
