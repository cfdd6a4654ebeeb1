// Which address a Service gets, case by case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Address, formatAddress, parseAddress } from '../net/address.ts';
import { type AddressRange, parseAddressRange } from '../net/address-range.ts';
import { AddressBook } from './address-book.ts';
import type { Allocation, AllocationRequest } from './allocator.ts';

const address = (text: string): Address => {
  const parsed = parseAddress(text);
  assert.ok(parsed);
  return parsed;
};

const ranges = (...texts: string[]): readonly AddressRange[] =>
  texts.map((text) => {
    const parsed = parseAddressRange(text);
    assert.ok(parsed.kind === 'range');
    return parsed.range;
  });

const request = (changes: Partial<AllocationRequest> = {}): AllocationRequest => ({
  owner: 'service/web/shop',
  families: ['IPv4'],
  familyPolicy: 'SingleStack',
  preferred: [],
  ...changes,
});

const shown = (allocation: Allocation): string =>
  allocation.kind === 'allocated'
    ? `${formatAddress(allocation.address)} of ${allocation.pool}`
    : allocation.refusal.code;

function bookOf(pools: Readonly<Record<string, readonly string[]>>): AddressBook {
  const book = new AddressBook();
  for (const [name, texts] of Object.entries(pools)) book.setPool(name, ranges(...texts));
  return book;
}

const SIMPLE = { b: ['10.0.1.0/30'], a: ['10.0.0.8-10.0.0.9', 'fd77::/64'] };
const CASES: readonly {
  readonly name: string;
  readonly pools?: Readonly<Record<string, readonly string[]>>;
  readonly held?: Readonly<Record<string, readonly string[]>>;
  readonly asked?: Partial<AllocationRequest>;
  readonly want: string;
}[] = [
  { name: 'the first free address of the first pool by name', want: '10.0.0.8 of a' },
  { name: 'the next pool when one is full', held: { x: ['10.0.0.8', '10.0.0.9'] }, want: '10.0.1.0 of b' },
  { name: 'no pool at all', pools: {}, want: 'NoPool' },
  { name: 'everything in use', pools: { a: ['10.0.0.8'] }, held: { x: ['10.0.0.8'] }, want: 'PoolExhausted' },
  { name: 'pools of the other family only', pools: { a: ['fd77::/64'] }, want: 'FamilyUnavailable' },
  { name: 'an IPv6 Service', asked: { families: ['IPv6'] }, want: 'FamilyUnavailable' },
  {
    name: 'an IPv6 Service that prefers both',
    asked: { families: ['IPv6'], familyPolicy: 'PreferDualStack' },
    want: 'FamilyUnavailable',
  },
  {
    name: 'both families required',
    asked: { families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack' },
    want: 'FamilyUnavailable',
  },
  {
    name: 'both families preferred',
    asked: { families: ['IPv6', 'IPv4'], familyPolicy: 'PreferDualStack' },
    want: '10.0.0.8 of a',
  },
  { name: 'the address it had', asked: { preferred: [address('10.0.1.2')] }, want: '10.0.1.2 of b' },
  {
    name: 'the address it had and holds itself',
    held: { 'service/web/shop': ['10.0.1.2'] },
    asked: { preferred: [address('10.0.1.2')] },
    want: '10.0.1.2 of b',
  },
  {
    name: 'the address it had, now of somebody else',
    held: { x: ['10.0.1.2'] },
    asked: { preferred: [address('10.0.1.2')] },
    want: '10.0.0.8 of a',
  },
  {
    name: 'the address it had, in no pool',
    asked: { preferred: [address('10.9.9.9')] },
    want: '10.0.0.8 of a',
  },
  { name: 'a demanded address', asked: { demanded: '10.0.1.3' }, want: '10.0.1.3 of b' },
  {
    name: 'a demanded address that is taken',
    held: { x: ['10.0.1.3'] },
    asked: { demanded: '10.0.1.3' },
    want: 'AddressTaken',
  },
  { name: 'a demanded address in no pool', asked: { demanded: '10.9.9.9' }, want: 'AddressOutsidePools' },
  { name: 'a demanded address with leading zeros', asked: { demanded: '10.0.01.3' }, want: 'AddressInvalid' },
  { name: 'a demanded address of the other family', asked: { demanded: 'fd77::1' }, want: 'AddressInvalid' },
];

for (const { name, pools = SIMPLE, held = {}, asked = {}, want } of CASES) {
  test(`${name}: ${want}`, () => {
    const book = bookOf(pools);
    for (const [holder, texts] of Object.entries(held)) book.hold(holder, texts.map(address));
    const allocation = book.allocate(request(asked));
    assert.equal(shown(allocation), want);
    if (allocation.kind === 'refused') assert.match(allocation.refusal.message, /: /, 'says what would help');
  });
}
