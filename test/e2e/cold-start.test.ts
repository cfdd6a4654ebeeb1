// A cluster whose agents all start while the API is away: they go on with what they had saved.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { requirement } from '../requirements.ts';
import { SOON, useBed } from './bed.ts';

const API_SERVER = 'apiserver';

describe('a start without the API', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-cold-start', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } });
  const agents = (): readonly string[] => bed().lab.network.nodes.map(({ name }) => `agent/${name}`);

  test('each address is answered again by exactly one node, in whatever order they start', async () => {
    const { lab } = bed();
    for (const name of ['one', 'two', 'three']) await bed().create({ name });
    const addresses = await Promise.all(['one', 'two', 'three'].map((name) => bed().addressOf(name)));
    for (const address of addresses) await bed().answerAt(address);
    await lab.waitFor('the state of all nodes to be saved', () => isSaved(addresses), SOON);
    await lab.faults.kill(API_SERVER);
    for (const agent of agents()) await lab.faults.kill(agent);
    // They do not become ready before the API is back.
    const starts = agents()
      .toReversed()
      .map((agent) => lab.faults.start(agent));
    for (const address of addresses) {
      await lab.waitFor(
        `${address} to be answered`,
        async () => (await bed().answerers(address)).length > 0,
        SOON,
      );
      await bed().answerAt(address);
      assert.equal((await bed().answerers(address)).length, 1);
    }
    await lab.faults.start(API_SERVER);
    await Promise.all(starts);
    for (const address of addresses) {
      const { holder } = await bed().holding(address, ({ epoch }) => epoch > 1);
      assert.deepEqual(await bed().answerers(address), [bed().macOf(holder)]);
    }
  });

  /** In the state files of all nodes: each of them is a candidate. */
  async function isSaved(addresses: readonly string[]): Promise<boolean> {
    const { lab } = bed();
    for (const { name } of lab.network.nodes) {
      const file = join(lab.network.stateDir, `${name}.state.json`);
      const saved = await readFile(file, 'utf8').catch(() => '');
      if (!addresses.every((address) => saved.includes(`"${address}"`))) return false;
    }
    return true;
  }
});
