// The lives of a peer, frame by frame.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { MEMORY, PeerSessions, type Verdict } from './peer-sessions.ts';

let lastProof = 1000;

/**
 * `5/12 proof` = session 5, number 12, lists us with a number higher than before; `5/12 proof 7` with number 7. To us
 * alone; `all 5/12` to all.
 */
function hear(sessions: PeerSessions, text: string, at = 0): Verdict {
  const isToAll = text.startsWith('all ');
  const [session = '', sequence = '', ...proofs] = text.replace('all ', '').split(/[/ ]/);
  const proof = proofs.length === 0 ? undefined : BigInt(proofs[1] ?? ++lastProof);
  return sessions.hear(instant(at), { session: BigInt(session), sequence: BigInt(sequence), proof, isToAll });
}

const listed = (sessions: PeerSessions, at = 0): readonly string[] =>
  sessions.heard(instant(at)).map(({ session, sequence, age }) => `${session}/${sequence} ${age}`);

test('a session begins with its proof and counts from then on, listed or not', () => {
  const sessions = new PeerSessions();
  const verdicts = ['5/1', '5/2', '5/2 proof', '5/3 proof', '5/4', '5/5 proof'].map((text) =>
    hear(sessions, text),
  );
  const expected = ['unproven-session', 'unproven-session', 'replayed', 'begins', 'counts', 'counts'];
  assert.deepEqual(verdicts, expected);
  assert.equal(sessions.session, 5n);
});

test('a number that is not higher is a replay, proven or not', () => {
  const sessions = new PeerSessions();
  hear(sessions, '5/7 proof');
  hear(sessions, '6/3');
  for (const text of ['5/7 proof', '5/6', '6/3 proof', '6/1'])
    assert.equal(hear(sessions, text), 'replayed', text);
});

test('one to all that is overtaken by one to us is late once, and then a replay', () => {
  const sessions = new PeerSessions();
  const verdicts = [
    'all 5/2 proof',
    '5/5 proof',
    'all 5/4',
    'all 5/4',
    'all 5/3',
    '5/4',
    'all 5/6',
    '5/7',
  ].map((text) => hear(sessions, text));
  assert.deepEqual(verdicts, [
    ...['begins', 'counts', 'late', 'replayed', 'replayed', 'replayed', 'counts', 'counts'],
  ]);
  assert.equal(sessions.last?.sequence, 7n);
});

test('a session that was followed by another is over, whatever its numbers are', () => {
  const sessions = new PeerSessions();
  for (let session = 1; session <= 9; session++)
    assert.equal(hear(sessions, `${session}/${session} proof`), 'begins');
  for (let session = 1; session <= 8; session++)
    assert.equal(hear(sessions, `${session}/99 proof`), 'replayed', String(session));
  assert.equal(hear(sessions, '9/10'), 'counts');
});

test('a late proof of an earlier life that was never heard does not end the present one', () => {
  const sessions = new PeerSessions();
  hear(sessions, '6/200 proof 50');
  assert.equal(hear(sessions, '5/100 proof 49', 150), 'replayed');
  assert.equal(hear(sessions, '6/300', 200), 'counts');
});

test('a machine that was booted anew is believed at once, although its numbers begin anew', () => {
  const sessions = new PeerSessions();
  hear(sessions, '6/200 proof 50');
  hear(sessions, '6/201 proof 55');
  assert.equal(hear(sessions, '7/3 proof 55', 150), 'replayed');
  assert.equal(hear(sessions, '7/4 proof 56', 160), 'begins');
  assert.equal(hear(sessions, '6/202 proof 57', 170), 'replayed');
});

test('an unproven session does not disturb the proven one, and takes its place by proof', () => {
  const sessions = new PeerSessions();
  hear(sessions, '5/1 proof');
  hear(sessions, '6/1', 300);
  hear(sessions, '5/2', 400);
  assert.deepEqual(listed(sessions, 500), ['5/2 100', '6/1 200'], 'both are listed');
  assert.equal(hear(sessions, '6/3 proof', 500), 'begins');
  assert.deepEqual(listed(sessions, 500), ['6/3 0']);
  assert.equal(hear(sessions, '5/4 proof', 600), 'replayed');
});

test('without a new proof a session counts for ten seconds, and is still listed after that', () => {
  const sessions = new PeerSessions();
  hear(sessions, '5/1 proof', 0);
  assert.equal(hear(sessions, '5/2', MEMORY - 1), 'counts');
  assert.equal(sessions.silence(instant(MEMORY)), 1);
  assert.equal(hear(sessions, '5/3', MEMORY), 'unproven-session');
  assert.equal(sessions.silence(instant(MEMORY)), 1, 'what does not count breaks no silence');
  assert.deepEqual(listed(sessions, MEMORY), ['5/3 0']);
  assert.equal(hear(sessions, '5/4 proof', MEMORY), 'counts');
  assert.equal(sessions.silence(instant(MEMORY)), 0);
});

test('what was not heard for ten seconds is not listed', () => {
  const sessions = new PeerSessions();
  hear(sessions, '5/1 proof', 0);
  hear(sessions, '6/1', 1000);
  assert.deepEqual(listed(sessions, MEMORY - 1), ['5/1 9999', '6/1 8999']);
  assert.deepEqual(listed(sessions, MEMORY), ['6/1 9000']);
  assert.deepEqual(listed(sessions, MEMORY + seconds(1)), []);
  assert.equal(new PeerSessions().silence(instant(0)), Number.POSITIVE_INFINITY);
});
