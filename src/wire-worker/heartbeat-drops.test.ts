// What the log says of heartbeats that were dropped: once per sender and minute, and not more of many senders.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Instant, instant } from '../time/instant.ts';
import { HeartbeatCounters, type HeartbeatDropReason } from './heartbeat-counters.ts';
import { HeartbeatDrops } from './heartbeat-drops.ts';

class Bed {
  readonly counters = new HeartbeatCounters();
  readonly lines: string[] = [];
  readonly drops = new HeartbeatDrops(this.counters, (level, message, values) => {
    assert.equal(message, 'heartbeats dropped');
    this.lines.push([level, ...Object.values(values)].join(' | '));
  });
  now: Instant = instant(1000);

  drop(reason: HeartbeatDropReason, mac = 1, node?: string): void {
    const bytes = Uint8Array.of(2, 0, 0, 0, mac >> 8, mac & 255);
    this.drops.take(this.now, { reason, link: 'eth0', mac: bytes, address: 0x0a_4d_00_0b, node });
  }

  /** Lets seconds pass; each deadline is served when it is due. */
  pass(count: number): void {
    const end = instant(this.now + count * 1000);
    for (;;) {
      const deadline = this.drops.deadline();
      if (deadline === undefined || deadline > end) break;
      this.now = deadline;
      this.drops.timeouts(this.now);
      assert.notEqual(this.drops.deadline(), deadline, 'a deadline that its timeout did not serve');
    }
    this.now = end;
  }

  take(): readonly string[] {
    return this.lines.splice(0);
  }
}

test('the first is said at once, those of the next minute at its end, and after a quiet minute it begins anew', () => {
  const bed = new Bed();
  bed.drop('bad-hmac');
  assert.deepEqual(bed.take(), ['warn | bad-hmac | eth0 | 02:00:00:00:00:01 10.77.0.11 | 1']);
  for (let i = 0; i < 600; i++) bed.drop('bad-hmac');
  bed.pass(59);
  assert.deepEqual(bed.take(), []);
  bed.drop('hop-limit');
  bed.pass(1);
  assert.deepEqual(bed.take(), ['warn | bad-hmac, hop-limit | eth0 | 02:00:00:00:00:01 10.77.0.11 | 601']);
  bed.pass(60);
  assert.deepEqual([bed.take(), bed.drops.deadline()], [[], undefined]);
  bed.drop('unknown-key');
  assert.deepEqual(bed.take(), ['warn | unknown-key | eth0 | 02:00:00:00:00:01 10.77.0.11 | 1']);
  const { dropsByReason } = bed.counters.totals();
  assert.deepEqual(
    [dropsByReason['bad-hmac'], dropsByReason['hop-limit'], dropsByReason['unknown-key']],
    [601, 1, 1],
  );
});

test('the name of a node stands there when the key vouches for it, and what is no fault is no warning', () => {
  const bed = new Bed();
  bed.drop('other-cluster', 1);
  bed.drop('replayed', 2, 'node2');
  bed.drop('unknown-sender', 3, 'node1');
  assert.deepEqual(bed.take(), [
    'info | other-cluster | eth0 | 02:00:00:00:00:01 10.77.0.11 | 1',
    'info | replayed | eth0 | 02:00:00:00:00:02 10.77.0.11 | 1 | node2',
    'warn | unknown-sender | eth0 | 02:00:00:00:00:03 10.77.0.11 | 1 | node1',
  ]);
});

test('a flood from made-up MACs fills neither the log nor the memory, and hides nobody who was there before', () => {
  const bed = new Bed();
  bed.drop('bad-hmac', 60_000);
  for (let minute = 0; minute < 10; minute++) {
    for (let mac = 0; mac < 5000; mac++) bed.drop('bad-hmac', mac + minute * 5000);
    bed.drop('bad-hmac', 60_000);
    bed.pass(60);
    const lines = bed.take();
    assert.ok(lines.length <= 2 * 65, `${lines.length} lines`);
    assert.ok(lines.some((line) => line.includes('others')));
    if (minute === 0) assert.ok(lines.includes('warn | bad-hmac | eth0 | 02:00:00:00:ea:60 10.77.0.11 | 1'));
  }
  assert.equal(bed.counters.totals().dropsByReason['bad-hmac'], 50_011);
});
