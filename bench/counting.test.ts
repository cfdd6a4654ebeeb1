// What the benches `handover`, `api-load` and `false-failover` count, from lists that are written down by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEntry } from '../lab/cluster.ts';
import { milliseconds } from '../src/time/duration.ts';
import { isAboutService } from './api-load.ts';
import { changes } from './false-failover.ts';
import { lostProbes } from './handover.ts';

test('a probe is lost if it was sent after the first answered one, and not answered', () => {
  const replies = [5, 7, 8, 10].map((sequence) => ({ sequence, sentAt: milliseconds(sequence * 2) }));
  // Of 5 to 11: 6, 9 and 11.
  assert.equal(lostProbes({ sent: 12, replies }, milliseconds(0)), 3);
  assert.equal(lostProbes({ sent: 12, replies }, milliseconds(13)), 2);
  assert.equal(lostProbes({ sent: 9, replies: replies.slice(0, 3) }, milliseconds(13)), 0);
  assert.throws(() => lostProbes({ sent: 12, replies }, milliseconds(20)), /none was answered/);
});

test('a request is about a Service if it names one, or its VirtualIP, or an event', () => {
  const entry = (resource: string, name?: string): AuditEntry =>
    ({ objectRef: { resource, ...(name === undefined ? {} : { name }) } }) as AuditEntry;
  const named = ['services', 'virtualips', 'events', 'endpointslices'].map((resource) =>
    entry(resource, 'a'),
  );
  assert.ok(named.every(isAboutService));
  const others = [entry('services'), entry('leases', 'a'), entry('announcers', 'a'), {} as AuditEntry];
  assert.ok(!others.some(isAboutService));
});

test('a change is another answerer than before, whatever was lost in between', () => {
  const verdict = (...answerers: readonly string[]) => ({
    nobody: milliseconds(0),
    longestNobody: milliseconds(0),
    several: milliseconds(0),
    stretches: answerers.map((macs) => ({ from: milliseconds(0), to: milliseconds(1), macs: [...macs] })),
  });
  assert.equal(changes([verdict('a', '', 'a', '', '', 'a'), verdict('b')]), 0);
  assert.equal(changes([verdict('a', '', 'b'), verdict('a', 'ab', 'b')]), 3);
  assert.equal(changes([verdict()]), 0);
});
