// The end of the wire worker's thread, which sits in poll(2) where Node can not reach it: on request, with the process,
// and by its own fault.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Bed, NODE_MAC, SKIP } from './bed.ts';
import { WireProcess } from './wire-process.ts';

const VIP = '10.77.0.50';

test('stops within its deadline while it is blocked, and says that it has ended', {
  skip: SKIP,
}, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  wire.command({ kind: 'stop' });
  // An error would say that the thread had to be terminated after the deadline.
  assert.equal((await wire.line('stopped')).error, undefined);
  assert.equal((await wire.line('exited')).error, undefined);
  assert.deepEqual(bed.arping(VIP), [], 'a stopped worker answers nobody');
});

test('process.exit() does not hang on the blocked thread, and keeps its code', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.idle(t, bed.node);
  wire.command({ kind: 'exit', code: 7 });
  assert.equal(await wire.exit(), 7);
});

test('an exception on the main thread ends the process with the blocked thread', {
  skip: SKIP,
}, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.idle(t, bed.node);
  wire.command({ kind: 'throw' });
  assert.equal(await wire.exit(), 1);
});

test('messages after the stop and a second stop do no harm', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  wire.command({ kind: 'stop' });
  wire.want([VIP, '10.77.0.51']);
  wire.command({ kind: 'stop' });
  await wire.until('both stops', () => wire.all('stopped').length === 2);
  wire.send({ kind: 'count' });
  wire.command({ kind: 'exit', code: 0 });
  assert.equal(await wire.exit(), 0);
  assert.deepEqual(
    wire.all('stopped').map(({ error }) => error),
    [undefined, undefined],
  );
});

test('a thread that fails says why it has ended', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = new WireProcess(t, bed.node, 'closed');
  assert.match((await wire.line('exited')).error ?? '', /^read eventfd: EBADF$/);
});

test('a thread that can not be woken is given up after the deadline, with an error', {
  skip: SKIP,
}, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.idle(t, bed.node, 'deaf');
  // After a turn for another reason it is in poll for certain, and not still reading its first messages.
  bed.link(bed.node, 'mtu', '1400');
  const reports = (): readonly number[] =>
    wire.all('links').flatMap(({ links }) => links.map(({ mtu }) => mtu));
  await wire.until('a turn', () => reports().includes(1400));
  wire.command({ kind: 'stop' });
  assert.match((await wire.line('stopped')).error ?? '', /^stop wire worker: still running/);
});

/** Asks until the process says so of its thread, for the 10 s that this takes and as long again. */
async function untilStuck(wire: WireProcess, isStuck: boolean): Promise<number> {
  for (let asked = 1; asked <= 200; asked++) {
    wire.command({ kind: 'ask' });
    await wire.until('answer', () => wire.all('stuck').length >= asked);
    if (wire.all('stuck').at(-1)?.isStuck === isStuck) return asked;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`wait for a thread that ${isStuck ? 'hangs' : 'moves'}: 200 times in vain`);
}

/** A process whose worker thread stands still while a file exists. */
async function hangable(t: TestContext, netns: string): Promise<{ wire: WireProcess; file: string }> {
  const file = join(tmpdir(), `fairlead-hang-${process.pid}`);
  const preload = new URL('../../lab/preload/hang-worker.ts', import.meta.url);
  const env = { NODE_OPTIONS: `--import ${preload}`, FAIRLEAD_LAB_HANG_FILE: file };
  t.after(() => rmSync(file, { force: true }));
  return { wire: await WireProcess.idle(t, { netns, env }), file };
}

test('a thread that stands still is noticed by the main thread, and so is that it moves again', {
  skip: SKIP,
}, async (t) => {
  const bed = new Bed(t);
  const { wire, file } = await hangable(t, bed.node);
  wire.command({ kind: 'ask' });
  assert.equal((await wire.line('stuck')).isStuck, false);
  wire.lines.length = 0;
  writeFileSync(file, '');
  const asked = await untilStuck(wire, true);
  assert.ok(asked > 50, `stuck after ${asked} looks: a short pause is none`);
  rmSync(file);
  wire.lines.length = 0;
  await untilStuck(wire, false);
  wire.command({ kind: 'stop' });
  assert.equal((await wire.line('stopped')).error, undefined);
});
