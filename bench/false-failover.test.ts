// The bench `false-failover` for five minutes: on machines that are slow, busy and badly connected, but alive, no address
// moves. The whole half hour is the bench's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requirement } from '../test/requirements.ts';
import { falseFailover } from './false-failover.ts';

const MINUTES = 5;

test(
  `no address of a hundred moves in ${MINUTES} minutes of load`,
  requirement('cluster', 'program:tcpdump'),
  async (t) => {
    const bench = falseFailover.withMinutes?.(MINUTES);
    assert.ok(bench);
    const { measurements } = await bench.run({
      runs: 1,
      cases: bench.cases.map(({ name }) => name),
      onProgress: (line) => t.diagnostic(line),
      signal: t.signal,
    });
    assert.equal(measurements.length, bench.cases.length);
    for (const { case: name, samples } of measurements) assert.deepEqual(samples, [0], name);
  },
);
