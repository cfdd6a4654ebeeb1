// Who claims an address, by table: candidates, record and living nodes against the rank of node `me`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rankToClaim } from './succession.ts';

type Row = readonly [
  why: string,
  candidates: string,
  holder: string | undefined,
  alive: string | undefined,
  rank: number | undefined,
];

// `me` is alive whatever the list says, so most rows leave it out.
const ROWS: readonly Row[] = [
  ['never held, first candidate', 'me a b', undefined, 'a b', 0],
  ['never held, second candidate', 'a me b', undefined, 'a b', 1],
  ['never held, those before me are dead', 'a b me', undefined, '', 0],
  ['never held, one of those before me is dead', 'a b me', undefined, 'b', 1],
  ['never held, no candidate', 'a b', undefined, 'a b', undefined],
  ['never held, no candidate, and all candidates dead', 'a b', undefined, '', undefined],
  ['never held, no candidates at all', '', undefined, 'a', undefined],
  ['held by a living candidate', 'me a', 'a', 'a', undefined],
  ['held by a living candidate that comes after me: no failback', 'me a b', 'b', 'a b', undefined],
  ['held by a dead candidate', 'a me b', 'a', 'b', 0],
  ['held by a dead candidate, second in line', 'a b me', 'a', 'b', 1],
  ['held by a dead node that is no candidate', 'b me', 'a', 'b', 1],
  ['held by a living node that is no candidate any more', 'me b', 'a', 'a b', 0],
  ['held by a living node that is no candidate any more, second in line', 'b me', 'a', 'a b', 1],
  ['held by a living node, all candidates dead: it stays', 'b c', 'a', 'a', undefined],
  ['held by a dead node, I am no candidate', 'b', 'a', '', undefined],
  ['recorded as mine: resume', 'a me', 'me', 'a', 0],
  ['recorded as mine, no candidate any more: leave it to the candidates', 'a b', 'me', 'b', undefined],
  ['recorded as mine, no candidate any more, and all candidates dead: resume', 'a b', 'me', '', 0],
  ['recorded as mine, no candidates at all: resume', '', 'me', 'a', 0],
  ['nothing known of the others: recorded as mine', 'a me', 'me', undefined, 0],
  ['nothing known of the others: recorded as mine, no candidate', 'a', 'me', undefined, undefined],
  ['nothing known of the others: never held', 'me', undefined, undefined, undefined],
  ['nothing known of the others: held by another', 'me', 'a', undefined, undefined],
];

const list = (names: string): readonly string[] => names.split(' ').filter((name) => name !== '');

test('the rank to claim', () => {
  for (const [why, candidates, holder, alive, rank] of ROWS) {
    const view = {
      me: 'me',
      candidates: list(candidates),
      record: { holder, epoch: holder === undefined ? 0 : 4 },
      alive: alive === undefined ? undefined : new Set(list(alive)),
    };
    assert.equal(rankToClaim(view), rank, why);
  }
});
