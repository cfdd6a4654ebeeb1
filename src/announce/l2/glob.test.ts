// Patterns of link names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isGlobMatch } from './glob.ts';

const CASES: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
  ['eth0', 'eth0', true],
  ['eth0', 'eth01', false],
  ['eth*', 'eth0', true],
  ['eth*', 'eth', true],
  ['eth?', 'eth', false],
  ['eth?', 'eth7', true],
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['*.100', 'bond0.100', true],
  ['*0*', 'bond0.100', true],
  ['*00', 'bond0.1001', false],
  ['en*s?', 'enp3s0', true],
  ['e.h0', 'eth0', false],
  ['[eth]0', 'e0', false],
];

for (const [pattern, name, matches] of CASES)
  test(`"${pattern}" ${matches ? 'matches' : 'does not match'} "${name}"`, () => {
    assert.equal(isGlobMatch(pattern, name), matches);
  });

test('agrees with the regular expression of the same meaning', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
  fc.assert(
    fc.property(text, name, (pattern, given) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
      assert.equal(isGlobMatch(pattern, given), expression.test(given));
    }),
    { numRuns: 2000 },
  );
});
