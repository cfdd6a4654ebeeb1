// What the bench `spread` computes, from spreads that are written down by hand, and MetalLB's hash from known digests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differing, figuresOf, mostOf } from './spread.ts';
import { FairleadSpread, type Holders, MetalLBSpread, type Spread } from './spread-subjects.ts';

const holders = (text: string): Holders =>
  new Map([...text].map((node, address) => [`${address}`, node] as const));

test('the most of one node, and how many addresses differ', () => {
  assert.equal(mostOf(holders('aabac')), 3);
  assert.equal(differing(holders('aabac'), holders('abbac')), 1);
  assert.equal(differing(holders('aa'), holders('aa')), 0);
});

/** A gives its addresses to b when it is lost; a plan then moves one of b's own to c; a takes all back. */
class Written implements Spread {
  #text = 'aabc';

  holders(): Holders {
    return holders(this.#text);
  }

  lose(node: string): void {
    assert.ok('abc'.includes(node));
    if (node === 'a') this.#text = 'bbbc';
  }

  comeBack(): void {
    this.#text = 'aabc';
  }

  planAnew(): void {
    if (this.#text === 'bbbc') this.#text = 'bbcc';
  }
}

test('each node is lost once: what must move is what it held', () => {
  assert.deepEqual(
    figuresOf(['a', 'b', 'c'], () => new Written()),
    {
      max: [2],
      'max-after-loss': [3],
      moved: [3, 0, 0],
      must: [2, 1, 1],
      'moved-back': [3, 0, 0],
    },
  );
});

test('by the hash of MetalLB: the digest that is lowest', () => {
  // printf 'node1#10.0.0.6' | sha256sum: 2eee…, with node2 58ad…, with node3 2dcc…; the others likewise.
  const names = { nodes: ['node1', 'node2', 'node3'], addresses: ['10.0.0.4', '10.0.0.6', '10.0.0.7'] };
  const subject = new MetalLBSpread(names);
  assert.deepEqual([...subject.holders().values()], ['node1', 'node3', 'node2']);
  subject.lose('node3');
  assert.deepEqual([...subject.holders().values()], ['node1', 'node1', 'node2']);
  subject.comeBack('node3');
  assert.deepEqual([...subject.holders().values()], ['node1', 'node3', 'node2']);
});

test('our placement loses nothing and moves nothing needlessly', () => {
  const nodes = Array.from({ length: 4 }, (_, i) => `n${i}`);
  const addresses = Array.from({ length: 40 }, (_, i) => `10.1.1.${i + 1}`);
  const figures = figuresOf(nodes, () => new FairleadSpread({ nodes, addresses }));
  assert.deepEqual(figures.max, [10]);
  assert.deepEqual(figures.moved, figures.must);
  assert.deepEqual(figures['moved-back'], [0, 0, 0, 0]);
});
