// Liveness by Leases in virtual time, measured on our clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { LeaseLiveness, type LivenessInput } from './lease-liveness.ts';

const WALL = '2026-12-01T10:00:00.000000Z';

interface LeaseGiven {
  readonly holder?: string | undefined;
  readonly renewTime?: string | undefined;
}

/** A machine and the time it lives in, in seconds. */
class Run {
  readonly machine = new LeaseLiveness();
  now = 0;

  /** The set as text if it changed. */
  give(input: LivenessInput): string | undefined {
    return this.#text(input);
  }

  lease(node: string, given: LeaseGiven = {}): string | undefined {
    const { holder = node, renewTime = WALL } = given;
    const lease = { holder, renewTime: 'renewTime' in given ? given.renewTime : renewTime };
    return this.#text({ kind: 'lease', node, ...lease, duration: seconds(15) });
  }

  reachable(isReachable: boolean): string | undefined {
    return this.#text({ kind: 'reachable', isReachable });
  }

  /** Goes to the next deadline, which must be at `at`, and gives the timeout there or later. */
  timeout(at: number, late = 0): string | undefined {
    assert.equal(this.machine.deadline(), seconds(at));
    this.now = at + late;
    return this.#text({ kind: 'timeout' });
  }

  #text(input: LivenessInput | { readonly kind: 'timeout' }): string | undefined {
    const outputs = this.machine.step(instant(this.now * 1000), input);
    assert.ok(outputs.length <= 1);
    const [output] = outputs;
    if (output !== undefined) assert.deepEqual(output.alive, this.machine.alive());
    return output?.alive.join(' ');
  }
}

test('a Lease keeps its node alive for its duration from when it was seen to change', () => {
  const run = new Run();
  assert.equal(run.lease('b', { renewTime: '1' }), 'b');
  run.now = 7;
  assert.equal(run.lease('a', { renewTime: '1' }), 'a b');
  assert.equal(run.lease('b', { renewTime: '2' }), undefined);
  assert.equal(run.timeout(22), '');
  assert.equal(run.machine.deadline(), undefined);
});

test('seeing the same Lease again renews nothing', () => {
  const run = new Run();
  run.lease('a');
  run.now = 10;
  assert.equal(run.lease('a'), undefined);
  assert.equal(run.timeout(15), '');
  assert.equal(run.lease('a'), undefined, 'nor does it bring back the dead');
  assert.equal(run.lease('a', { renewTime: '2026-12-01T10:00:20Z' }), 'a');
});

test('a Lease that somebody else took is a change too', () => {
  const run = new Run();
  run.lease('a');
  run.now = 10;
  run.lease('a', { holder: 'a-again' });
  assert.equal(run.machine.deadline(), seconds(25));
});

test('a released Lease is dead at once', () => {
  for (const holder of ['', undefined]) {
    const run = new Run();
    run.lease('a');
    run.lease('b');
    const released = {
      kind: 'lease',
      node: 'a',
      holder,
      renewTime: WALL,
      duration: seconds(15),
    } as const;
    assert.equal(run.give(released), 'b');
    assert.equal(run.lease('a'), 'a b', 'and alive again when it is taken');
  }
});

test('a deleted Lease is no proof of death: its node lives until the time of its last renewal is up', () => {
  const run = new Run();
  run.lease('a');
  run.now = 10;
  assert.equal(run.give({ kind: 'gone', node: 'a' }), undefined);
  assert.equal(run.give({ kind: 'gone', node: 'a' }), undefined);
  assert.equal(run.timeout(15), '');
  assert.equal(run.give({ kind: 'gone', node: 'a' }), undefined);
  assert.equal(run.machine.deadline(), undefined);
  assert.equal(run.lease('a'), 'a', 'new when it comes back');
});

test('a Lease that is made anew in time goes on as if nothing had happened', () => {
  const run = new Run();
  run.lease('a');
  run.now = 10;
  run.give({ kind: 'gone', node: 'a' });
  run.now = 11;
  assert.equal(run.lease('a'), undefined);
  assert.equal(run.timeout(26), '', 'a whole duration after it was made, whatever it says of its time');
});

test('a Lease that was released and then deleted keeps nobody alive', () => {
  const run = new Run();
  run.lease('a');
  run.lease('a', { holder: '' });
  assert.equal(run.give({ kind: 'gone', node: 'a' }), undefined);
  assert.deepEqual(run.machine.alive(), []);
});

test('who returns to the API after a Lease was deleted gives its node the whole time again', () => {
  const run = new Run();
  run.lease('a');
  run.give({ kind: 'gone', node: 'a' });
  run.reachable(false);
  run.now = 100;
  run.reachable(true);
  assert.equal(run.timeout(115), '');
});

test('at first sight a Lease counts as alive whatever its time says, and gets its duration on our clock', () => {
  const times = [WALL, '2026-11-01T10:00:00Z', '2027-12-01T11:00:00Z', undefined, 'yesterday'];
  for (const renewTime of times) {
    const run = new Run();
    run.now = 100;
    assert.equal(run.lease('a', { renewTime }), 'a', renewTime);
    assert.equal(run.timeout(115), '');
  }
});

test('while the API is not reachable nobody is judged dead, and then everybody gets the full time', () => {
  const run = new Run();
  run.lease('a');
  run.now = 14;
  run.reachable(false);
  assert.equal(run.machine.deadline(), undefined);
  run.now = 100;
  assert.equal(run.give({ kind: 'reachable', isReachable: false }), undefined);
  assert.equal(run.reachable(true), undefined);
  assert.equal(run.timeout(115), '');
});

test('saying again that the API is reachable gives nobody more time', () => {
  const run = new Run();
  run.lease('a');
  run.now = 10;
  run.reachable(true);
  assert.equal(run.machine.deadline(), seconds(15));
});

test('the dead do not rise when the API is reachable again', () => {
  const run = new Run();
  run.lease('a');
  run.timeout(15);
  run.reachable(false);
  assert.equal(run.reachable(true), undefined);
  assert.deepEqual(run.machine.alive(), []);
});

test('a timeout that comes far too late judges nobody: we were stopped, not they', () => {
  const run = new Run();
  run.lease('a');
  assert.equal(run.timeout(15, 1.5), undefined);
  assert.equal(run.timeout(31.5, 1), '', 'a second late is still in time');
});

test('an early timeout does nothing', () => {
  const run = new Run();
  run.lease('a');
  assert.deepEqual(run.machine.step(instant(14_999), { kind: 'timeout' }), []);
  assert.equal(run.machine.deadline(), seconds(15));
});

test('alive is exactly who was seen to change within the duration, for any history', () => {
  const node = fc.constantFrom('a', 'b', 'c');
  const event = fc.oneof(
    fc.tuple(fc.constant('renew' as const), node),
    fc.tuple(fc.constant('release' as const), node),
    fc.tuple(fc.constant('gone' as const), node),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(12)), { maxLength: 40 }), (events) => {
      const run = new Run();
      const seen = new Map<string, number>();
      let renewals = 0;
      for (const [[what, name], pause] of events) {
        if (what === 'renew') run.lease(name, { renewTime: `${renewals++}` });
        else if (what === 'release') run.lease(name, { holder: '' });
        else run.give({ kind: 'gone', node: name });
        if (what === 'renew') seen.set(name, run.now);
        if (what === 'release') seen.delete(name);
        const end = run.now + pause;
        for (
          let due = run.machine.deadline();
          due !== undefined && due <= end * 1000;
          due = run.machine.deadline()
        ) {
          run.timeout(due / 1000);
        }
        run.now = end;
        const expected = [...seen].filter(([, at]) => end - at < 15).map(([each]) => each);
        assert.deepEqual(run.machine.alive(), expected.sort());
      }
    }),
  );
});
