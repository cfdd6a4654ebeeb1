// The work queue in virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReconcileResult, WorkQueue } from '../../src/kube/api.ts';
import { createWorkQueue } from '../../src/kube/work-queue.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { settle, VirtualTime } from '../fake/virtual-time.ts';

const DONE: ReconcileResult = { kind: 'done' };
const RETRY: ReconcileResult = { kind: 'retry' };

interface Bed {
  readonly time: VirtualTime;
  readonly queue: WorkQueue;
  readonly errors: string[];
  /** Keys in the order in which they were begun, with the virtual time in s. */
  readonly begun: string[];
}

function open(workers: number, reconcile: (key: string, bed: Bed) => Promise<ReconcileResult>): Bed {
  const time = new VirtualTime();
  const errors: string[] = [];
  const queue = createWorkQueue({
    random: () => 0,
    time,
    onError: (key, error) => errors.push(`${key}: ${error.message}`),
  });
  const bed: Bed = { time, queue, errors, begun: [] };
  const start = time.now();
  queue.start(workers, (key) => {
    bed.begun.push(`${key} ${(time.now() - start) / 1000}`);
    return reconcile(key, bed);
  });
  return bed;
}

test('a key that is added many times while it waits is processed once', async () => {
  const { queue, begun } = open(1, async () => DONE);
  for (const key of ['a', 'b', 'b', 'c', 'b']) queue.add(key);
  await settle();
  assert.deepEqual(begun, ['a 0', 'b 0', 'c 0']);
  assert.equal(queue.length, 0);
});

test('a key that is added while it is processed runs once more, and never beside itself', async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const { queue, begun } = open(4, async () => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    return DONE;
  });
  queue.add('a');
  queue.add('a');
  queue.add('a');
  await settle();
  assert.equal(begun.length, 1);
  gates[0]?.resolve();
  await settle();
  assert.equal(begun.length, 2);
  gates[1]?.resolve();
  await settle();
  assert.equal(begun.length, 2);
});

test('a key that asks for a retry waits 5 s, 10 s, ... up to 300 s', async () => {
  const { time, queue, begun } = open(1, async () => RETRY);
  queue.add('a');
  await time.advance(seconds(1300));
  const begunAt = [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215];
  assert.deepEqual(
    begun,
    begunAt.map((at) => `a ${at}`),
  );
});

test('a reconcile that throws is reported and retried; success ends the back-off', async () => {
  const results = ['throw', 'throw', 'done', 'throw', 'done'];
  const { time, queue, begun, errors } = open(1, async () => {
    if (results.shift() === 'throw') throw new Error('no luck');
    return DONE;
  });
  queue.add('a');
  await time.advance(seconds(20));
  queue.add('a');
  await time.advance(seconds(20));
  assert.deepEqual(begun, ['a 0', 'a 5', 'a 15', 'a 20', 'a 25']);
  assert.deepEqual(errors, ['a: no luck', 'a: no luck', 'a: no luck']);
});

test('adding a key cancels its delay', async () => {
  const { time, queue, begun } = open(1, async () => DONE);
  queue.addAfter('a', 10_000);
  await time.advance(seconds(3));
  queue.add('a');
  await time.advance(seconds(20));
  assert.deepEqual(begun, ['a 3']);
  assert.deepEqual(time.pending(), []);
});

test('of two delays the earlier one counts', async () => {
  const { time, queue, begun } = open(1, async () => DONE);
  queue.addAfter('a', 4_000);
  queue.addAfter('a', 9_000);
  queue.addAfter('b', 9_000);
  queue.addAfter('b', 4_000);
  await time.advance(seconds(20));
  assert.deepEqual(begun, ['a 4', 'b 4']);
});

test('`after` comes again when it said, without a back-off', async () => {
  const { time, queue, begun } = open(1, async () => ({ kind: 'after', milliseconds: 7_000 }));
  queue.add('a');
  await time.advance(seconds(21));
  assert.deepEqual(begun, ['a 0', 'a 7', 'a 14', 'a 21']);
});

test('a key whose retry is due waits for nothing when it was added meanwhile', async () => {
  const { time, queue, begun } = open(1, async (key, bed) => {
    if (bed.begun.length === 1) bed.queue.add(key);
    return bed.begun.length === 1 ? RETRY : DONE;
  });
  queue.add('a');
  await time.advance(seconds(20));
  assert.deepEqual(begun, ['a 0', 'a 0']);
});

test('stop takes no more keys, drops what waits and resolves when what runs has ended', async () => {
  const gate = Promise.withResolvers<void>();
  const { time, queue, begun } = open(1, async () => {
    await gate.promise;
    return RETRY;
  });
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 1_000);
  let stopped = 0;
  for (const stopping of [queue.stop(), queue.stop()]) void stopping.then(() => stopped++);
  queue.add('d');
  await time.advance(seconds(10));
  assert.equal(stopped, 0);
  gate.resolve();
  await time.advance(seconds(10));
  assert.equal(stopped, 2);
  assert.deepEqual(begun, ['a 0']);
  assert.deepEqual(time.pending(), []);
});

test('whatever happens, no key runs beside itself, no more run than workers, and none is forgotten', async () => {
  const step = fc.record({ key: fc.nat(4), wait: fc.nat(3_000), delay: fc.nat(2) });
  const outcome = fc.constantFrom<ReconcileResult>(DONE, DONE, RETRY, { kind: 'after', milliseconds: 900 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 20 }),
      fc.infiniteStream(outcome),
      async (steps, outcomes) => {
        const running = new Set<string>();
        const lastBegun = new Map<string, number>();
        let order = 0;
        const bed: Bed = open(2, async (key) => {
          assert.ok(!running.has(key) && running.size < 2, `${key} beside ${[...running]}`);
          running.add(key);
          lastBegun.set(key, ++order);
          await settle();
          running.delete(key);
          return outcomes.next().value;
        });
        const added = new Map<string, number>();
        for (const { key, wait, delay } of steps) {
          added.set(`${key}`, ++order);
          if (delay === 0) bed.queue.add(`${key}`);
          else bed.queue.addAfter(`${key}`, delay * 100);
          await bed.time.advance(milliseconds(wait));
        }
        await bed.time.advance(seconds(10));
        for (const [key, at] of added) assert.ok((lastBegun.get(key) ?? 0) > at, `${key} is forgotten`);
        assert.deepEqual(bed.errors, []);
        await bed.queue.stop();
      },
    ),
    { numRuns: 25 },
  );
});
