// The Secret with the heartbeat keys: what is read, and every way in which it can be wrong, without telling a secret.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEARTBEAT_KEY_LENGTH, heartbeatSecretData, readHeartbeatKeys } from './heartbeat-secret.ts';
import { formatProblems } from './parsed.ts';

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');
const KEY = Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + i);
const OTHER = new Uint8Array(32).fill(0x5c);
const GOOD = { active: base64('1'), 1: base64(KEY) };

test('what is made is read again', () => {
  assert.equal(HEARTBEAT_KEY_LENGTH, 32);
  assert.deepEqual(readHeartbeatKeys(heartbeatSecretData(KEY)), {
    kind: 'value',
    value: { active: 1, keys: [{ id: 1, secret: KEY }] },
  });
});

test('several keys are accepted, one of them transmits', () => {
  const data = { 1: base64(KEY), 255: base64(OTHER), active: base64('255') };
  const keys = [
    { id: 1, secret: KEY },
    { id: 255, secret: OTHER },
  ];
  assert.deepEqual(readHeartbeatKeys(data), { kind: 'value', value: { active: 255, keys } });
});

const NO_ACTIVE = 'data.active (not shown): want the id of one of the keys, in base64';
const NO_KEY = 'data.1 "(not shown)": want 32 bytes in base64';
const MALFORMED: readonly (readonly [why: string, data: Record<string, unknown>, problem: string])[] = [
  ['nothing', {}, 'data.active (absent): want the id of one of the keys, in base64'],
  ['no active', { 1: GOOD[1] }, 'data.active (absent): want the id of one of the keys, in base64'],
  ['no key', { active: GOOD.active }, 'data.active 1: want the id of one of the keys, in base64'],
  [
    'another id active',
    { ...GOOD, active: base64('2') },
    'data.active 2: want the id of one of the keys, in base64',
  ],
  ['active is no number', { ...GOOD, active: base64('top-secret') }, NO_ACTIVE],
  ['active is 0', { ...GOOD, active: base64('0') }, NO_ACTIVE],
  ['active is beyond a byte', { ...GOOD, active: base64('256') }, NO_ACTIVE],
  ['active with something behind it', { ...GOOD, active: base64('1\n') }, NO_ACTIVE],
  ['active is no base64', { ...GOOD, active: '1!' }, NO_ACTIVE],
  ['active is no text', { ...GOOD, active: 1 }, NO_ACTIVE],
  ['a short key', { ...GOOD, 1: base64(KEY.subarray(1)) }, NO_KEY],
  ['a long key', { ...GOOD, 1: base64(Uint8Array.of(...KEY, 1)) }, NO_KEY],
  ['an empty key', { ...GOOD, 1: '' }, NO_KEY],
  ['a key that is no base64', { ...GOOD, 1: `${'x'.repeat(42)}!!` }, NO_KEY],
  ['a key that is no text', { ...GOOD, 1: null }, NO_KEY],
  [
    'one wrong key among right ones',
    { ...GOOD, 2: base64('hunter2') },
    'data.2 "(not shown)": want 32 bytes in base64',
  ],
  ['an id that is none', { ...GOOD, key: GOOD[1] }, 'data "key": want key ids from 1 to 255'],
  ['id 0', { ...GOOD, 0: GOOD[1] }, 'data "0": want key ids from 1 to 255'],
  ['id 256', { ...GOOD, 256: GOOD[1] }, 'data "256": want key ids from 1 to 255'],
  ['an id with a leading zero', { ...GOOD, '01': GOOD[1] }, 'data "01": want key ids from 1 to 255'],
];

for (const [why, data, problem] of MALFORMED) {
  test(`not usable: ${why}`, () => {
    const parsed = readHeartbeatKeys(data);
    assert.equal(parsed.kind, 'problems');
    const text = parsed.kind === 'problems' ? formatProblems(parsed.problems) : '';
    assert.ok(text.includes(problem.replace('(not shown):', '"(not shown)":')), text);
    for (const secret of Object.values(data)) {
      const decoded = typeof secret === 'string' ? Buffer.from(secret, 'base64').toString() : '';
      // An id is no secret, and what is as short as one would be found by chance.
      if (typeof secret !== 'string' || decoded.length <= 3) continue;
      assert.ok(!text.includes(secret) && !text.includes(decoded), `${text} tells ${secret}`);
    }
  });
}

test('every problem is told at once', () => {
  const parsed = readHeartbeatKeys({ key: '', 1: '', active: '' });
  assert.equal(parsed.kind === 'problems' && parsed.problems.length, 3);
});
