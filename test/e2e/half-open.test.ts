// All packets between the nodes and the API are lost for a minute, in both directions and without a word to anybody:
// what is held goes on being answered, and what was asked for meanwhile is done soon after the network is back.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { longestGap } from '../../lab/prober.ts';
import { milliseconds, minutes, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed } from './bed.ts';

const LOST = minutes(1);
/** TCP keep-alive gives an idle connection up after 20 s. */
const NOTICED = seconds(40);
/** Ten times the 5 s that an agent's watch waits at most before it tries again, and then some for a whole new Service. */
const RECOVERED = seconds(60);

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly seconds?: number;
}

describe('a network that loses everything between nodes and API', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-half-open', nodes: 2, kubeProxy: { minSyncPeriod: '0s' } });

  /** What the agent of a node has logged of outages. */
  async function outagesOf(node: string): Promise<readonly LogLine[]> {
    const text = await readFile(bed().lab.processes.logFileOf(`agent/${node}`), 'utf8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine);
    return lines.filter(({ msg }) => /^API (still )?(fails|works again)$/.test(msg));
  }

  const every = async (holds: (node: string) => Promise<boolean>): Promise<boolean> =>
    (await Promise.all(bed().lab.network.nodes.map(({ name }) => holds(name)))).every(Boolean);

  test('for a whole minute: nothing is lost, nothing moves, and an event arrives afterwards', async (t) => {
    const { lab } = bed();
    const ended: string[] = [];
    lab.processes.onExit(({ target, wasAsked }) => wasAsked || ended.push(target));
    await bed().create({ name: 'held' });
    const address = await bed().addressOf('held');
    await bed().answerAt(address);
    const held = await bed().holding(address);
    const prober = await lab.clientUdp({ address, port: 7, interval: milliseconds(20) });
    const began = performance.now();
    const passed = (): number => performance.now() - began;
    await lab.faults.powerOff(lab.network.controlPlane.name);
    await bed().create({ name: 'asked' });
    const isNoticed = (): Promise<boolean> => every(async (node) => (await outagesOf(node)).length > 0);
    await lab.waitFor('every agent to notice', isNoticed, NOTICED);
    t.diagnostic(`noticed by all after ${(passed() / 1000).toFixed(1)} s`);
    await lab.waitFor('a minute to pass', () => passed() >= LOST, minutes(2));
    await lab.faults.powerOn(lab.network.controlPlane.name);
    await bed().answerAt(await bed().addressOf('asked', RECOVERED), RECOVERED);
    t.diagnostic(`done ${((passed() - LOST) / 1000).toFixed(1)} s after the network was back`);
    const report = await prober.stop();
    assert.equal(report.sent - report.replies.length, 0, `lost; longest gap ${longestGap(report)} ms`);
    assert.deepEqual([await bed().holding(address), ended], [held, []]);
    const isOver = (): Promise<boolean> =>
      every(async (node) => (await outagesOf(node)).at(-1)?.msg === 'API works again');
    await lab.waitFor('every agent to say that it is over', isOver, SOON);
  });

  test('each agent told of it once, and when it was over', async () => {
    for (const { name } of bed().lab.network.nodes) {
      const told = (await outagesOf(name)).map(({ level, msg }) => `${level} ${msg}`);
      assert.deepEqual(told, ['warn API fails', 'info API works again'], name);
    }
  });
});
