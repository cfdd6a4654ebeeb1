// What the bench `failover` makes of answers: silences and shares, from lists that are written down by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeReply } from '../lab/prober.ts';
import type { ConnectAttempt } from '../lab/tcp-prober.ts';
import { milliseconds } from '../src/time/duration.ts';
import { FAILOVER_CASES } from './failover-cases.ts';
import { shares } from './failover-spread.ts';
import { longestSilence, PATIENCE } from './failover-trial.ts';

const reply = (receivedAt: number): ProbeReply => ({
  address: '10.77.0.50',
  sequence: 0,
  pod: 'p',
  node: 'n',
  sentAt: milliseconds(receivedAt - 1),
  receivedAt: milliseconds(receivedAt),
});

test('a silence counts if it ends after the fault, also if it began before', () => {
  const replies = [0, 100, 102, 110, 140, 142].map(reply);
  assert.equal(longestSilence(replies, milliseconds(101)), 30);
  assert.equal(longestSilence(replies, milliseconds(50)), 100);
  assert.equal(longestSilence(replies, milliseconds(141)), 2);
  assert.equal(longestSilence(replies.toReversed(), milliseconds(101)), 30);
  assert.equal(longestSilence(replies, milliseconds(142)), PATIENCE);
  assert.equal(longestSilence([], milliseconds(0)), PATIENCE);
});

test('shares are of the connections that began in a second', () => {
  const attempt = (begunAt: number, connected: boolean): ConnectAttempt => ({
    begunAt: milliseconds(begunAt),
    ...(connected ? { connectedAt: milliseconds(begunAt + 1500) } : {}),
  });
  const attempts = [attempt(999, false), attempt(1000, true), attempt(1500, false), attempt(2999, true)];
  assert.deepEqual(shares(attempts, milliseconds(1000), 2), [50, 100]);
  assert.throws(() => shares(attempts, milliseconds(1000), 3), /second 2: none was tried/);
});

test('cases have names of their own', () => {
  const names = FAILOVER_CASES.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
