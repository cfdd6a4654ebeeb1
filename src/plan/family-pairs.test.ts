// Which addresses of the two families of one Service belong together.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { companionOf, type PairMember } from './family-pairs.ts';

const member = (name: string, first?: string, createdAt = '2026-12-01T10:00:00Z'): PairMember => ({
  ...{ name, createdAt, family: name.includes('.') ? 'IPv4' : 'IPv6' },
  candidates: first === undefined ? [] : [first, 'n9'],
});
const pairsOf = (...members: readonly PairMember[]) =>
  Object.fromEntries(members.map(({ name }) => [name, companionOf(name, members)]));

test('one of each family belong together; one alone has no companion', () => {
  assert.deepEqual(pairsOf(member('10.0.0.1', 'n1')), { '10.0.0.1': undefined });
  assert.deepEqual(pairsOf(member('10.0.0.1', 'n1'), member('fd77')), {
    '10.0.0.1': 'fd77',
    fd77: '10.0.0.1',
  });
});

test('of several, those with the same first candidate stay together, the others go by age', () => {
  const members = [
    member('10.0.0.1', 'n1'),
    member('10.0.0.2', 'n2'),
    member('fd77-1', 'n2'),
    member('fd77-2', undefined, ''),
  ];
  assert.deepEqual(pairsOf(...members), {
    '10.0.0.1': 'fd77-2',
    '10.0.0.2': 'fd77-1',
    'fd77-1': '10.0.0.2',
    'fd77-2': '10.0.0.1',
  });
});

test('pairs are mutual, of both families, as many as there can be, and independent of the order', () => {
  const anyMember = fc
    .record({ v4: fc.boolean(), id: fc.nat(20), first: fc.constantFrom(undefined, 'n1', 'n2', 'n3') })
    .map(({ v4, id, first }) => member(v4 ? `10.0.0.${id}` : `fd77-${id}`, first));
  const anyMembers = fc.uniqueArray(anyMember, { maxLength: 8, selector: ({ name }) => name });
  fc.assert(
    fc.property(anyMembers, (members) => {
      const companions = pairsOf(...members);
      for (const [name, companion] of Object.entries(companions)) {
        if (companion === undefined) continue;
        assert.equal(companions[companion], name);
        assert.notEqual(companion.includes('.'), name.includes('.'));
      }
      const v4 = members.filter(({ family }) => family === 'IPv4').length;
      const paired = Object.values(companions).filter((companion) => companion !== undefined).length;
      assert.equal(paired, 2 * Math.min(v4, members.length - v4));
      assert.deepEqual(pairsOf(...[...members].reverse()), companions);
    }),
  );
});
