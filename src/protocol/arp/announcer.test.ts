// The schedule of gratuitous ARP in virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { milliseconds, minutes, seconds } from '../../time/duration.ts';
import { after, type Instant, instant } from '../../time/instant.ts';
import { type AnnouncerInput, type AnnouncerOutput, ArpAnnouncer } from './announcer.ts';

interface Sent {
  readonly at: number;
  readonly address: number;
  readonly form: string;
}

/** Runs a machine with a driver that is never late, and keeps what was sent and when. */
class Run {
  readonly machine: ArpAnnouncer;
  readonly sent: Sent[] = [];
  steps = 0;
  now: Instant = instant(1_000_000);
  readonly #start = this.now;

  constructor(machine = new ArpAnnouncer()) {
    this.machine = machine;
  }

  give(...inputs: readonly AnnouncerInput[]): void {
    for (const input of inputs) this.#keep(this.machine.step(this.now, input));
  }

  /** Until `end` milliseconds after the start. */
  until(end: number): void {
    const limit = after(this.#start, milliseconds(end));
    for (
      let due = this.machine.deadline();
      due !== undefined && due <= limit;
      due = this.machine.deadline()
    ) {
      assert.ok(due >= this.now, 'a deadline in the past after its timeout');
      this.now = due;
      this.#keep(this.machine.step(this.now, { kind: 'timeout' }));
    }
    this.now = limit;
  }

  times(address: number, form = 'Request'): readonly number[] {
    return this.sent.filter((frame) => frame.address === address && frame.form === form).map(({ at }) => at);
  }

  #keep(outputs: readonly AnnouncerOutput[]): void {
    this.steps++;
    const at = Math.round((this.now - this.#start) * 1000) / 1000;
    for (const { address, form } of outputs) this.sent.push({ at, address, form });
  }
}

const announce = (address: number): AnnouncerInput => ({ kind: 'announce', address });
const withdraw = (address: number): AnnouncerInput => ({ kind: 'withdraw', address });
const many = (count: number): readonly AnnouncerInput[] =>
  Array.from({ length: count }, (_, at) => announce(at));

test('an address is announced at 0, 0.1, 1.1, 2.2, 3.3 s in both forms, then every minute', () => {
  const run = new Run();
  run.give(announce(1));
  run.until(124_000);
  const schedule = [0, 100, 1100, 2200, 3300, 63_300, 123_300];
  assert.deepEqual(run.times(1, 'Request'), schedule);
  assert.deepEqual(run.times(1, 'Reply'), schedule);
  assert.deepEqual(
    run.sent.slice(0, 2).map(({ form }) => form),
    ['Request', 'Reply'],
  );
});

test('a refresh interval of 0 is none', () => {
  const run = new Run(new ArpAnnouncer({ refreshInterval: milliseconds(0) }));
  run.give(announce(1));
  run.until(1_000_000);
  assert.deepEqual(run.times(1), [0, 100, 1100, 2200, 3300]);
  assert.equal(run.machine.deadline(), undefined);
});

test('a withdrawn address is announced no more', () => {
  const run = new Run();
  run.give(announce(1), announce(2));
  run.until(1500);
  run.give(withdraw(1), withdraw(99));
  run.until(70_000);
  assert.deepEqual(run.times(1), [0, 100, 1100]);
  assert.equal(run.times(2).length, 6);
  run.give(withdraw(2));
  assert.equal(run.machine.deadline(), undefined);
});

test('a withdrawn address wants no timeout', () => {
  const run = new Run();
  run.give(announce(1), withdraw(1));
  assert.equal(run.machine.deadline(), undefined);
});

test('an address that is withdrawn while it waits for its refresh is announced no more', () => {
  const run = new Run();
  run.give(announce(1));
  run.until(10_000);
  run.give(withdraw(1));
  run.until(200_000);
  assert.equal(run.times(1).length, 5);
});

test('announcing again starts the schedule anew', () => {
  const run = new Run();
  run.give(announce(1));
  run.until(500);
  run.give(announce(1));
  run.until(5000);
  assert.deepEqual(run.times(1), [0, 100, 500, 600, 1600, 2700, 3800]);
});

test('a link that comes up starts the schedule of all held addresses anew', () => {
  const run = new Run();
  run.give(announce(1), announce(2), announce(3), withdraw(3));
  run.until(10_000);
  run.give({ kind: 'link-up' });
  run.until(14_000);
  assert.deepEqual(run.times(1), [0, 100, 1100, 2200, 3300, 10_000, 10_100, 11_100, 12_200, 13_300]);
  assert.equal(run.times(2).length, 10);
  assert.deepEqual(run.times(3), [0]);
});

test('a link that comes up without held addresses sends nothing', () => {
  const run = new Run();
  run.give({ kind: 'link-up' });
  assert.deepEqual(run.sent, []);
  assert.equal(run.machine.deadline(), undefined);
});

/** The most frames within any window of a second. */
function highestRate(sent: readonly Sent[]): number {
  let highest = 0;
  for (let first = 0, last = 0; last < sent.length; last++) {
    while ((sent[last]?.at ?? 0) - (sent[first]?.at ?? 0) >= 1000) first++;
    highest = Math.max(highest, last - first + 1);
  }
  return highest;
}

test('1,000 addresses: first frames at once, repeats at 500 a second, refreshes at 50', () => {
  const run = new Run();
  run.give(...many(1000));
  assert.equal(run.sent.length, 2000, 'all first frames at once');
  run.until(30_000);
  const repeats = run.sent.slice(2000);
  assert.equal(repeats.length, 8000, 'four repeats in two forms');
  assert.ok(highestRate(repeats) <= 500, `${highestRate(repeats)} repeats in a second`);
  assert.ok((repeats.at(-1)?.at ?? 0) < 16_200, 'the rate is used up');
  run.until(30_000 + 60_000 + 41_000);
  const refreshes = run.sent.slice(10_000);
  assert.ok(
    refreshes.length >= 2000 && highestRate(refreshes) <= 50,
    `${highestRate(refreshes)} refreshes in a second`,
  );
});

test('repeats are fair: nobody waits for his second frame until others had their third', () => {
  const run = new Run();
  run.give(...many(300));
  run.until(20_000);
  for (let address = 0; address < 300; address++) assert.equal(run.times(address).length, 5);
  const second = Math.max(...many(300).map((_, address) => run.times(address)[1] ?? Infinity));
  const third = Math.min(...many(300).map((_, address) => run.times(address)[2] ?? Infinity));
  assert.ok(second < third, `${second} before ${third}`);
});

test('a new address does not wait behind the queue with its first frames', () => {
  const run = new Run();
  run.give(...many(1000));
  run.until(2000);
  run.give(announce(5000));
  assert.deepEqual(run.times(5000), [2000]);
});

test('one step per turn: a thousand addresses cost a step for each announcement', () => {
  const run = new Run();
  run.give(...many(1000));
  run.until(20_000);
  assert.equal(run.steps, 1000 + 4000);
});

test('an early timeout does nothing', () => {
  const run = new Run();
  run.give(announce(1));
  const before = run.machine.deadline();
  assert.deepEqual(run.machine.step(run.now, { kind: 'timeout' }), []);
  assert.equal(run.machine.deadline(), before);
});

test('a late driver gets one turn per timeout, not a burst', () => {
  const machine = new ArpAnnouncer();
  for (const input of many(10)) machine.step(instant(0), input);
  const late = after(instant(0), seconds(2));
  assert.equal(machine.step(late, { kind: 'timeout' }).length, 2);
  assert.equal(machine.deadline(), 2004);
});

test('whatever happens: held addresses are announced, others never, both forms always', () => {
  const address = fc.nat(4);
  const input: fc.Arbitrary<AnnouncerInput> = fc.oneof(
    fc.record({ kind: fc.constant('announce' as const), address }),
    fc.record({ kind: fc.constant('withdraw' as const), address }),
    fc.constant({ kind: 'link-up' as const }),
  );
  const history = fc.array(fc.tuple(input, fc.nat(3000)), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(history, (events) => {
      const run = new Run(new ArpAnnouncer({ refreshInterval: minutes(1) }));
      const held = new Set<number>();
      let now = 0;
      for (const [event, pause] of events) {
        if (event.kind === 'announce') held.add(event.address);
        if (event.kind === 'withdraw') held.delete(event.address);
        const from = run.sent.length;
        run.give(event);
        now += pause;
        run.until(now);
        for (const frame of run.sent.slice(from))
          assert.ok(held.has(frame.address), 'announced but not held');
      }
      const from = run.sent.length;
      run.until(now + 70_000);
      const last = run.sent.slice(from);
      assert.deepEqual(new Set(last.map((frame) => frame.address)), held);
      assert.equal(last.filter(({ form }) => form === 'Reply').length * 2, last.length);
    }),
  );
});
