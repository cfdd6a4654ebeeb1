// When the main thread is said to hang, and when the node may take addresses again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { LOOK_INTERVAL, MainWatch } from './main-watch.ts';
import { createPulseBuffer, Pulse } from './pulse.ts';

/** A watch with a time-out of two seconds, looked at every quarter of a second. */
class Run {
  readonly pulse = new Pulse(createPulseBuffer());
  readonly watch = new MainWatch(this.pulse, seconds(2));
  now = 1000;

  /** Turns for so long; what has changed, with the time. */
  pass(count: number, isMoving: boolean): readonly string[] {
    const end = this.now + count;
    const changes: string[] = [];
    while (this.now < end) {
      this.now += LOOK_INTERVAL;
      if (isMoving) this.pulse.beatMain();
      const change = this.watch.look(instant(this.now));
      if (change !== undefined) changes.push(`${this.now} ${change}`);
      const { isHung, isAble } = this.watch;
      assert.ok(!(isHung && isAble));
    }
    return changes;
  }
}

test('it halts after a second, hangs after two, and is able again two seconds after it has moved', () => {
  const run = new Run();
  assert.deepEqual([run.watch.isHung, run.watch.isAble], [false, true]);
  assert.deepEqual(run.pass(10_000, true), []);
  assert.deepEqual(run.pass(1750, false), ['12000 Halts']);
  assert.deepEqual([run.watch.age, run.watch.isHung, run.watch.isAble], [1750, false, false]);
  assert.deepEqual(run.pass(2250, false), ['13000 Hangs']);
  assert.deepEqual(run.pass(4000, true), ['15250 Moves', '17000 Recovered']);
  assert.deepEqual([run.watch.age, run.watch.isHung, run.watch.isAble], [0, false, true]);
});

test('one that only halted is able as soon as it moves', () => {
  const run = new Run();
  run.pass(250, true);
  assert.deepEqual([...run.pass(1500, false), ...run.pass(500, true)], ['2250 Halts', '3000 Recovered']);
});

test('one that halts or hangs again before it was able has not been able in between', () => {
  const run = new Run();
  run.pass(250, true);
  run.pass(2000, false);
  const halting = [...run.pass(500, true), ...run.pass(1250, false)];
  assert.deepEqual(halting, ['3500 Moves']);
  assert.deepEqual([...run.pass(1000, true), ...run.pass(2000, false)], ['8000 Hangs']);
  assert.deepEqual(run.pass(4000, true), ['8250 Moves', '10000 Recovered']);
});

test('a process that was stopped for a minute does not hang', () => {
  const run = new Run();
  run.pass(1000, true);
  run.now += 60_000;
  assert.deepEqual([...run.pass(500, false), ...run.pass(1000, true)], []);
});

test('each look is a beat of the worker', () => {
  const run = new Run();
  const before = run.pulse.worker();
  run.pass(1000, true);
  assert.equal(run.pulse.worker() - before, 4);
});
