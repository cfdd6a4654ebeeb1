// What belongs to a pool and what it gives first, against a plain list of addresses; and that size costs nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { address, poolOf } from '../../test/arbitrary/ipam.ts';
import { formatAddress } from '../net/address.ts';
import type { AddressRange } from '../net/address-range.ts';
import { PLAIN_POOL, Pool } from './pool.ts';

const SPACE = 1100;
const ranges = fc.array(
  fc.record({ from: fc.nat(SPACE - 300), size: fc.nat(299) }).map(
    ({ from, size }): AddressRange => ({
      family: 'IPv4',
      first: BigInt(from),
      last: BigInt(from + size),
    }),
  ),
  { minLength: 1, maxLength: 3 },
);
const isIn = (all: readonly AddressRange[], value: bigint) =>
  all.some(({ first, last }) => first <= value && value <= last);
const isEdge = (value: bigint) => value % 256n === 0n || value % 256n === 255n;

test('exclusions and edges do not belong to a pool, whatever is taken and released', () => {
  const steps = fc.array(fc.record({ takes: fc.boolean(), value: fc.nat(SPACE) }), { maxLength: 60 });
  fc.assert(
    fc.property(ranges, ranges, fc.boolean(), steps, (addresses, exclude, avoidEdges, history) => {
      const pool = new Pool('a', { ...PLAIN_POOL, addresses, exclude, avoidEdges });
      const values = Array.from({ length: SPACE + 1 }, (_, i) => BigInt(i));
      const members = values.filter(
        (value) => isIn(addresses, value) && !isIn(exclude, value) && !(avoidEdges && isEdge(value)),
      );
      const free = new Set(members);
      for (const { takes, value } of history) {
        const one = { family: 'IPv4', value: BigInt(value) } as const;
        assert.equal(pool.contains(one), members.includes(one.value));
        if (takes) assert.equal(pool.take(one), free.delete(one.value));
        else assert.equal(pool.release(one), members.includes(one.value) && !free.has(one.value));
        if (!takes && members.includes(one.value)) free.add(one.value);
        const first = members.find((member) => free.has(member));
        assert.equal(pool.first('IPv4')?.value, first);
        assert.deepEqual(pool.counts('IPv4'), {
          total: BigInt(members.length),
          available: BigInt(free.size),
          allocated: 0,
        });
      }
    }),
  );
});

test('the whole of both families is a pool like any other', () => {
  const pool = new Pool(
    'a',
    poolOf(['0.0.0.0/0', '::/0'], { avoidEdges: true, exclude: poolOf(['::/1']).addresses }),
  );
  assert.equal(pool.counts('IPv4').total, (1n << 32n) - (1n << 25n));
  assert.equal(pool.counts('IPv6').total, 1n << 127n);
  const given = (['IPv4', 'IPv6'] as const).map((family) => pool.first(family));
  assert.deepEqual(
    given.map((one) => one && formatAddress(one)),
    ['0.0.0.1', '8000::'],
  );
  const next = pool.first('IPv4', address('10.0.0.255').value);
  assert.equal(next && formatAddress(next), '10.0.1.1');
});
