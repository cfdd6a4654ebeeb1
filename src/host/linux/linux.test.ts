// The parts of host/linux that need neither root nor a network: clocks, the waker, the poller, error names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createBootClock } from './boot-clock.ts';
import { createWaker, openWaker } from './event-waker.ts';
import { check, libc, SystemError } from './libc.ts';
import { createPoller, pollTimeout } from './poller.ts';
import { createRandom } from './random.ts';
import { createWallClock, formatTimestamp } from './wall-clock.ts';

test('the boot clock never goes back', () => {
  const clock = createBootClock();
  let before = clock.now();
  for (let i = 0; i < 10_000; i++) {
    const now = clock.now();
    assert.ok(now >= before, `${now} after ${before}`);
    before = now;
  }
});

test('two boot clocks are one clock, and it moves', () => {
  const [a, b] = [createBootClock(), createBootClock()];
  const first = a.now();
  while (b.now() === first);
  assert.ok(a.now() > first);
});

test('timestamps are RFC 3339 with microseconds, cut and not rounded', () => {
  assert.equal(formatTimestamp(0, 0), '1970-01-01T00:00:00.000000Z');
  assert.equal(formatTimestamp(1_796_119_200, 123_456_999), '2026-12-01T10:00:00.123456Z');
  assert.equal(formatTimestamp(1_796_119_199, 999_999_999), '2026-12-01T09:59:59.999999Z');
  assert.equal(formatTimestamp(2 ** 32, 1000), '2106-02-07T06:28:16.000001Z');
});

test('the wall clock agrees with that of JavaScript', () => {
  const before = Date.now();
  const timestamp = createWallClock().timestamp();
  const after = Date.now();
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const parsed = Date.parse(timestamp);
  assert.ok(parsed >= before && parsed <= after, `${before} <= ${parsed} <= ${after}`);
});

test('random fractions are at least 0 and below 1, and differ', () => {
  const random = createRandom();
  const drawn = Array.from({ length: 1000 }, () => random.fraction());
  assert.ok(drawn.every((fraction) => fraction >= 0 && fraction < 1));
  assert.equal(new Set(drawn).size, drawn.length);
  assert.equal(random.bytes(8).length, 8);
});

test('a waker makes its descriptor readable until it is drained, however often it was woken', () => {
  const waker = createWaker();
  const other = openWaker(waker.fd);
  const poller = createPoller();
  const fds = [waker.fd];
  assert.deepEqual(poller.wait(fds, 0), []);
  waker.wake();
  other.wake();
  assert.deepEqual(poller.wait(fds, undefined), fds);
  assert.deepEqual(poller.wait(fds, undefined), fds, 'not consumed by looking');
  other.drain();
  assert.deepEqual(poller.wait(fds, 0), []);
  other.drain();
  waker.close();
});

test('the poller says which of several descriptors need attention, and follows changes of the set', () => {
  const wakers = [createWaker(), createWaker(), createWaker()] as const;
  const [a, b, c] = wakers;
  const poller = createPoller();
  a.wake();
  c.wake();
  assert.deepEqual(poller.wait([a.fd, b.fd, c.fd], 0), [a.fd, c.fd]);
  assert.deepEqual(poller.wait([b.fd, c.fd], 0), [c.fd]);
  assert.deepEqual(poller.wait([b.fd], 0), []);
  assert.deepEqual(poller.wait([], 0), []);
  for (const waker of wakers) waker.close();
});

test('a closed descriptor is a bug, not a reason to spin', () => {
  const waker = createWaker();
  waker.close();
  assert.throws(() => createPoller().wait([waker.fd], 0), { name: 'SystemError', code: 'EBADF' });
});

test('poll never wakes before the deadline and never overflows', () => {
  assert.equal(pollTimeout(undefined), -1);
  assert.equal(pollTimeout(0), 0);
  assert.equal(pollTimeout(-5), 0);
  assert.equal(pollTimeout(0.001), 1);
  assert.equal(pollTimeout(1e12), 2 ** 31 - 1);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (wait) => {
      assert.ok(pollTimeout(wait) >= wait && (wait === 0 || pollTimeout(wait) - 1 < wait));
    }),
  );
});

test('a failed call is an error with the name that programs test for, not its alias', () => {
  const waker = createWaker();
  const bytes = new Uint8Array(8);
  const wanted = { name: 'SystemError', code: 'EAGAIN', message: 'read nothing: EAGAIN' };
  assert.throws(() => check(libc.read(waker.fd, bytes, 8), 'read nothing'), wanted);
  waker.close();
  assert.throws(() => check(libc.close(waker.fd), 'close twice'), SystemError);
});
