// Whom one peer has heard, over the several lists that say so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Heard, HeardList, heardKey } from '../protocol/heartbeat/heartbeat-frame.ts';
import { milliseconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { WitnessLists } from './witness-lists.ts';

const MEMORY = milliseconds(300);

const heard = (nodeId: number, sequence: number, age = 0): Heard => ({
  ...{ nodeId: BigInt(nodeId), session: BigInt(nodeId) * 11n, sequence, age: milliseconds(age) },
});

function listsOf(...told: readonly (readonly [at: number, list: readonly Heard[]])[]): WitnessLists {
  const lists = new WitnessLists();
  for (const [at, list] of told) lists.take(instant(at), HeardList.of(list), MEMORY);
  return lists;
}

/** The number, and when it was heard. */
function saidOf(lists: WitnessLists, node: number): readonly [sequence: number, heardAt: number] | undefined {
  const found = lists.find(heardKey(BigInt(node)));
  return found && [found.sequence, found.heardAt];
}

test('what was said last of a node counts, in whichever list', () => {
  const lists = listsOf([1000, [heard(3, 1, 40), heard(4, 2, 5)]], [1100, [heard(3, 7, 60)]]);
  assert.deepEqual(saidOf(lists, 3), [7, 1040]);
  assert.deepEqual(saidOf(lists, 4), [2, 995]);
  assert.equal(saidOf(lists, 5), undefined);
});

test('of two lives of a node the one that is listed last counts, as in the frame', () => {
  const lists = listsOf([1000, [heard(3, 1), { ...heard(3, 2), session: 5n }]]);
  assert.deepEqual(lists.find(heardKey(3n))?.session, 5n);
});

test('a list is kept for as long as anybody may be silent, and its room is then used again', () => {
  const first: readonly (readonly [number, readonly Heard[]])[] = [
    [1000, [heard(3, 1), heard(4, 1)]],
    [1100, [heard(5, 1)]],
    [1200, [heard(6, 1)]],
  ];
  const numbers = (lists: WitnessLists) => [3, 4, 5, 6, 7].map((node) => saidOf(lists, node)?.[0]);
  const before = listsOf(...first, [1299, [heard(7, 1)]]);
  assert.deepEqual(numbers(before), [1, 1, 1, 1, 1]);
  // A shorter list in the room of a longer one: what is behind it was said by nobody.
  const after = listsOf(...first, [1300, [heard(7, 1)]]);
  assert.deepEqual(numbers(after), [undefined, undefined, 1, 1, 1]);
  // And a longer one in the room of a shorter one.
  const longer = [heard(3, 2), heard(4, 2), heard(5, 2)];
  const last = listsOf(...first, [1300, [heard(7, 1)]], [1400, longer]);
  assert.deepEqual(numbers(last), [2, 2, 2, 1, 1]);
});

test('however long somebody may be silent, no more than 64 lists are kept', () => {
  const lists = new WitnessLists();
  for (let i = 1; i <= 65; i++) lists.take(instant(i), HeardList.of([heard(i, i)]), milliseconds(1e9));
  assert.equal(saidOf(lists, 1), undefined);
  assert.deepEqual(saidOf(lists, 2), [2, 2]);
  assert.deepEqual(saidOf(lists, 65), [65, 65]);
});

test('nothing is left of what a former life said', () => {
  const lists = listsOf([1000, [heard(3, 1)]]);
  lists.clear();
  assert.equal(saidOf(lists, 3), undefined);
});
