// A rolling change of --heartbeat-interval and --heartbeat-multiplier: nodes with different ones on one segment.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSegment, type SegmentNode, type Timing } from '../../test/fake/fake-segment.ts';
import { milliseconds } from '../time/duration.ts';

const timingOf = (interval: number, multiplier: number): Timing => ({
  interval: milliseconds(interval),
  multiplier,
});

const FORMER = timingOf(100, 3);

for (const next of [timingOf(1000, 3), timingOf(300, 5), timingOf(50, 2), timingOf(100, 10)]) {
  const name = `${next.interval} ms and ${next.multiplier}`;

  test(`from 100 ms and 3 to ${name}, node by node: nobody is lost who does not restart`, () => {
    const segment = new FakeSegment();
    let nodes: readonly SegmentNode[] = [1, 2, 3, 4].map((id) => segment.start(id, undefined, FORMER));
    segment.pass(3000);
    for (const leaver of nodes) {
      for (const { outputs } of nodes) outputs.length = 0;
      segment.stop(leaver);
      const comer = segment.start(Number(leaver.id), undefined, next);
      const others = nodes.filter((node) => node !== leaver);
      segment.pass(30_000);
      for (const other of others) {
        const told = other.heard().filter((text) => !text.startsWith(`${leaver.id} `));
        assert.deepEqual(told, [], `node ${other.id} while node ${leaver.id} changes`);
        assert.equal(other.saw(comer).state, 'Live');
      }
      assert.deepEqual(new Set(comer.seen().map(({ state }) => state)), new Set(['Live']));
      nodes = [...others, comer];
    }
  });

  test(`who beats every ${name} intervals is dead after its own detection time, for all`, () => {
    const segment = new FakeSegment();
    const others = [1, 2].map((id) => segment.start(id, undefined, FORMER));
    const one = segment.start(3, undefined, next);
    segment.pass(5000);
    segment.stop(one);
    const stoppedAt = segment.now;
    const last = Math.max(...segment.wire.filter(({ from }) => from === one.id).map(({ at }) => at));
    const detection = next.interval * next.multiplier;
    segment.pass(last + detection - stoppedAt - 1);
    for (const other of others) assert.equal(other.saw(one).state, 'Live');
    segment.pass(3 + 2 * FORMER.interval);
    for (const other of others) assert.equal(other.saw(one).state, 'Dead');
  });
}
