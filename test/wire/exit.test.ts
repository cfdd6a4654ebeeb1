// The end of a process with a wire worker, in every state of the worker and in every way a process can end. The thread
// sits in poll(2), where neither Node nor a signal handler reaches it, and must never keep the process.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Asker } from './asker.ts';
import { SKIP } from './bed.ts';
import { LanBed, vip } from './lan-bed.ts';
import { WireProcess } from './wire-process.ts';

/** Brings a worker into the state. */
type State = (t: TestContext, bed: LanBed) => Promise<WireProcess>;

const thousand = Array.from({ length: 1000 }, (_, n) => vip(0, n));

const STATES: Readonly<Record<string, State>> = {
  starting: async (t, bed) => new WireProcess(t, bed.node),
  'that is just ready': async (t, bed) => {
    const wire = new WireProcess(t, bed.node);
    await wire.line('ready');
    return wire;
  },
  idle: (t, bed) => WireProcess.idle(t, bed.node),
  'holding a thousand addresses': (t, bed) => WireProcess.holding(t, bed.node, thousand),
  'under a flood': async (t, bed) => {
    const wire = await WireProcess.holding(t, bed.node, [vip(0)]);
    const asker = await Asker.start(t, bed, 1);
    asker.ask({ lan: 0, address: vip(0), perSecond: 20_000 });
    await asker.answered(0, 2000);
    return wire;
  },
  'on a link that is down': async (t, bed) => {
    const wire = await WireProcess.holding(t, bed.node, [vip(0)]);
    bed.ip('link set eth0 down');
    await wire.until('down', () => wire.held().length === 0);
    return wire;
  },
  'on a link that is gone': async (t, bed) => {
    const wire = await WireProcess.holding(t, bed.node, [vip(0)]);
    bed.ip('link del eth0');
    await wire.until('gone', () => wire.held().length === 0);
    return wire;
  },
  leaving: async (t, bed) => {
    const wire = await WireProcess.holding(t, bed.node, [vip(0)]);
    wire.send({ kind: 'leave' });
    await wire.counters();
    assert.equal(wire.all('left').length, 0, 'nobody has taken over');
    return wire;
  },
  'beside a main thread that hangs': async (t, bed) => {
    const wire = await WireProcess.holding(t, bed.node, [vip(0)]);
    wire.command({ kind: 'block', milliseconds: 300 });
    await wire.line('blocking');
    return wire;
  },
};

type Way = (wire: WireProcess) => Promise<void>;

/** Ends the process; the outcome is right, and waiting for it fails after ten times the second that it may take. */
const WAYS: Readonly<Record<string, Way>> = {
  stop: async (wire) => {
    wire.command({ kind: 'stop' });
    assert.equal((await wire.line('stopped')).error, undefined);
    assert.equal((await wire.line('exited')).error, undefined);
    wire.command({ kind: 'exit', code: 0 });
    assert.equal(await wire.exit(), 0);
  },
  'process.exit': async (wire) => {
    wire.command({ kind: 'exit', code: 7 });
    assert.equal(await wire.exit(), 7);
  },
  'an error that nobody catches': async (wire) => {
    wire.command({ kind: 'throw' });
    assert.equal(await wire.exit(), 1);
  },
  SIGTERM: async (wire) => {
    wire.kill('SIGTERM');
    assert.equal(await wire.exit(), 'SIGTERM');
  },
  SIGKILL: async (wire) => {
    wire.kill('SIGKILL');
    assert.equal(await wire.exit(), 'SIGKILL');
  },
};

for (const [state, enter] of Object.entries(STATES))
  for (const [way, end] of Object.entries(WAYS))
    test(`ends ${state}: ${way}`, { skip: SKIP }, async (t) => {
      await end(await enter(t, new LanBed(t, 1)));
    });
