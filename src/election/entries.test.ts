// The addresses that concern a node: both of their names, which have to be looked at, and what is remembered of those
// that went.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedOf } from '../../test/fake/election-bed.ts';
import { instant } from '../time/instant.ts';
import { Entries } from './entries.ts';

const NOW = instant(0);

test('an address has one entry, by both names, which keeps what is known when it is wanted otherwise', () => {
  const entries = new Entries();
  const entry = entries.want(NOW, wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  entry.highest = 9;
  const again = entries.want(NOW, wantedOf(5, { candidates: [], record: { holder: 3n, epoch: 5 } }));
  assert.equal(again, entry);
  assert.deepEqual([entries.get('vip5'), entries.getShort(5n)], [entry, entry]);
  assert.deepEqual([entry.highest, entry.wanted.candidates, entry.record.epoch], [9, [], 4]);
  entries.delete(entry);
  assert.deepEqual(
    [entries.get('vip5'), entries.getShort(5n), [...entries.uids()]],
    [undefined, undefined, []],
  );
});

test('those that were touched are given out once, and not when they went meanwhile', () => {
  const entries = new Entries();
  const [one, two, elsewhere] = [5, 6, 7].map((number) =>
    entries.want(NOW, wantedOf(number, { segment: number === 7 ? 3 : 2 })),
  );
  entries.touch(one);
  entries.touch(one);
  entries.touch(undefined);
  assert.deepEqual(entries.takeTouched(NOW), [one]);
  assert.deepEqual(entries.takeTouched(NOW), []);
  entries.touchSegment(2);
  assert.deepEqual(entries.takeTouched(NOW), [one, two]);
  entries.touchAll();
  if (two !== undefined) entries.delete(two);
  assert.deepEqual(entries.takeTouched(NOW), [one, elsewhere]);
});

test('one whose time has come is given out too; one that was looked at before has none any more', () => {
  const entries = new Entries();
  const [one, two] = [5, 6].map((number) => entries.want(NOW, wantedOf(number)));
  if (one === undefined || two === undefined) throw new Error('no entries');
  entries.wakeAt(one, instant(10));
  entries.wakeAt(two, instant(20));
  entries.wakeAt(two, instant(25));
  assert.equal(entries.deadline(), 10);
  assert.deepEqual(entries.takeTouched(instant(9)), []);
  assert.deepEqual(entries.takeTouched(instant(10)), [one]);
  assert.equal(entries.deadline(), 20);
  entries.touch(two);
  assert.deepEqual([entries.takeTouched(instant(11)), entries.deadline()], [[two], undefined]);
  entries.wakeAt(two, instant(30));
  entries.delete(two);
  assert.equal(entries.deadline(), undefined);
});

test('the epoch of what was released does not go back, for the last 4,096 of them', () => {
  const entries = new Entries();
  for (let number = 0; number <= 4096; number++) {
    const entry = entries.want(NOW, wantedOf(number));
    entry.highest = 7;
    entries.delete(entry);
  }
  assert.equal(entries.want(NOW, wantedOf(1)).highest, 7);
  assert.equal(entries.want(NOW, wantedOf(0)).highest, 0, 'the oldest is forgotten');
  assert.equal(entries.want(NOW, wantedOf(2, { record: { holder: 2n, epoch: 8 } })).highest, 8);
});
