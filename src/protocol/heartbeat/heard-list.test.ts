// A list of whom a sender has heard, which is kept as bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { authenticate, heard, heartbeatFrame } from '../../../test/arbitrary/heartbeat.ts';
import { milliseconds } from '../../time/duration.ts';
import { findLastHeard, type Heard, HeardList, heardKey } from './heard-list.ts';
import { decodeHeartbeat, encodeHeartbeat } from './heartbeat-frame.ts';

const entry = (nodeId: bigint, session: bigint, sequence: number): Heard => ({
  ...{ nodeId, session, sequence, age: milliseconds(0) },
});

test('a list has the entries that it was made of', () => {
  fc.assert(
    fc.property(fc.array(heard(), { maxLength: 60 }), (entries) => {
      const list = HeardList.of(entries);
      assert.deepEqual([...list], entries);
      assert.equal(list.length, entries.length);
      const ages = entries.map(({ age }) => age);
      assert.equal(list.youngest(), entries.length === 0 ? undefined : Math.min(...ages));
      for (const each of entries) {
        const sameNode = entries.filter(({ nodeId }) => nodeId === each.nodeId);
        const first = sameNode.find(({ session }) => session === each.session);
        assert.deepEqual(list.find(heardKey(each.nodeId, each.session)), first);
        const last = findLastHeard(list.bytes, list.bytes.length, heardKey(each.nodeId));
        assert.deepEqual(last, sameNode.at(-1));
      }
    }),
  );
});

test('an entry is found by all bytes of its key', () => {
  const ids = [1n, 2n ** 56n, 2n ** 63n + 5n];
  const entries = ids.flatMap((nodeId) => ids.map((session) => entry(nodeId, session, Number(session % 7n))));
  const list = HeardList.of(entries);
  for (const each of entries) assert.deepEqual(list.find(heardKey(each.nodeId, each.session)), each);
  assert.equal(list.find(heardKey(1n, 2n)), undefined);
  assert.equal(list.find(heardKey(2n, 1n)), undefined);
  assert.equal(HeardList.EMPTY.find(heardKey(0n, 0n)), undefined);
});

test('of two entries of a node, or of a session, the first or the last is found as asked for', () => {
  const list = HeardList.of([entry(1n, 1n, 1), entry(1n, 1n, 2), entry(1n, 2n, 3)]);
  assert.equal(list.find(heardKey(1n, 1n))?.sequence, 1);
  const last = (entries: number) => findLastHeard(list.bytes, entries * 22, heardKey(1n))?.sequence;
  assert.deepEqual([last(3), last(2), last(0)], [3, 2, undefined], 'of the bytes that count');
});

test('a list is of whole entries', () => {
  assert.throws(() => new HeardList(new Uint8Array(23)), {
    name: 'RangeError',
    message: 'list as heard 23 bytes: want entries of 22',
  });
});

test('what was decoded stays as it is when the buffer is used again', () => {
  fc.assert(
    fc.property(heartbeatFrame(), (frame) => {
      const bytes = encodeHeartbeat(frame, authenticate);
      const decoded = decodeHeartbeat(bytes, { clusterId: frame.clusterId, authenticate, hopLimit: 255 });
      bytes.fill(0);
      assert.deepEqual(decoded, { ok: frame });
    }),
  );
});
