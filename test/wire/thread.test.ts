// The end of the wire worker's thread, which sits in poll(2) where Node can not reach it: on request, with the process,
// and by its own fault.

import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  wire.command({ kind: 'stop' });
  assert.match((await wire.line('stopped')).error ?? '', /^stop wire worker: still running/);
});
