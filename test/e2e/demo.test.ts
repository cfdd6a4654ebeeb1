// The demo of `npm run lab`: it ends well only if the client was answered and the Service's status says where.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exec } from '../../lab/exec.ts';
import { hasSucceeded, type Story } from '../../lab/story.ts';
import { seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'e2e-demo';

describe('the demo', requirement('cluster'), () => {
  test('tells a story of a Service that was reached, and leaves nothing behind', async () => {
    const argv = [process.execPath, 'lab/main.ts', '--name', NAME, '--nodes', '2', '--json'];
    const { code, stdout, stderr } = await exec(argv, { cwd: ROOT, timeout: seconds(300) });
    assert.equal(code, 0, stderr);
    const story = JSON.parse(stdout) as Story;
    assert.ok(hasSucceeded(story), stdout);
    assert.match(story.holder, /^node[12]$/);
    for (const [step, time] of Object.entries(story.timings)) assert.ok(time > 0, `${step} at ${time} ms`);
    assert.ok(story.timings.allocated <= story.timings.published, 'published before it was allocated');
    assert.equal(existsSync(`/run/fairlead-lab/${NAME}`), false);
  });
});
