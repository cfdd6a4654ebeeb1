// What a Service that has addresses keeps, gives up and gets when it or the pools change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address, claim, give, poolOf, requestOf, shown, take, tenant } from '../../test/arbitrary/ipam.ts';
import { formatAddress } from '../net/address.ts';
import { AddressBook } from './address-book.ts';
import type { PoolSpec } from './pool.ts';
import type { AllocationRequest, HeldAddress } from './request.ts';

interface Had {
  readonly address: string;
  readonly pool?: string;
  readonly isPublished?: boolean;
  readonly isReady?: boolean;
  readonly isReplaced?: boolean;
  readonly isLeaving?: boolean;
}

interface Case {
  readonly name: string;
  readonly pools?: Readonly<Record<string, PoolSpec>>;
  readonly had: readonly Had[];
  readonly asked?: Partial<AllocationRequest>;
  /** `keep …; coming …; going …; drop …; get …`, without what is empty. */
  readonly want: string;
}

const both = { families: ['IPv4', 'IPv6'] } as const;
const DEFAULT = { a: poolOf(['10.0.0.8-10.0.0.11', 'fd77::8/126']) };
const FULL = { a: poolOf(['10.0.0.8']) };
const four: Had = { address: '10.0.0.9' };
const six: Had = { address: 'fd77::9' };
const asking = (text: string): Partial<AllocationRequest> => ({
  addresses: [{ value: address(text), source: 'fairlead.io/addresses' }],
});
const from = (value: string): Partial<AllocationRequest> => ({ pool: { value, source: 'fairlead.io/pool' } });

const CASES: readonly Case[] = [
  { name: 'nothing changed', had: [four], want: 'keep 10.0.0.9' },
  { name: 'a second family', had: [four], asked: both, want: 'keep 10.0.0.9; get fd77::8 of a' },
  {
    name: 'a second family that is not there',
    had: [four],
    pools: FULL,
    asked: both,
    want: 'keep 10.0.0.9; FamilyUnavailable',
  },
  { name: 'one family less', had: [four, six], want: 'keep 10.0.0.9; drop fd77::9' },
  {
    name: 'the other family',
    had: [four],
    asked: { families: ['IPv6'] },
    want: 'drop 10.0.0.9; get fd77::8 of a',
  },
  { name: 'a pool that is gone', had: [four], pools: {}, want: 'keep 10.0.0.9' },
  { name: 'a pool that shrank', had: [four], pools: FULL, want: 'keep 10.0.0.9' },
  {
    name: 'a pool that is drained and not for it any more',
    had: [four],
    pools: { a: poolOf(['10.0.0.8/30'], { disabled: true, namespaces: ['other'] }) },
    want: 'keep 10.0.0.9',
  },
  {
    name: 'more addresses',
    had: [four],
    asked: { count: 3 },
    want: 'keep 10.0.0.9; get 10.0.0.8 of a, 10.0.0.10 of a',
  },
  { name: 'more than there are', had: [four], asked: { count: 5 }, want: 'keep 10.0.0.9; PoolsExhausted' },
  {
    name: 'more addresses, of a pool that is drained',
    had: [four],
    pools: { a: poolOf(['10.0.0.8/30'], { disabled: true }), b: poolOf(['10.0.1.0/30']) },
    asked: { count: 2 },
    want: 'keep 10.0.0.9; PoolDisabled',
  },
  {
    name: 'more addresses, of a pool that is gone',
    had: [four],
    pools: { b: poolOf(['10.0.1.0/30']) },
    asked: { count: 2 },
    want: 'keep 10.0.0.9; AddressOutsidePools',
  },
  {
    name: 'more addresses, all of another pool when it is renumbered',
    had: [{ ...four, isPublished: true }],
    pools: { b: poolOf(['10.0.1.0/30']) },
    asked: { count: 2, isRenumbering: true },
    want: 'keep 10.0.0.9; get 10.0.1.0 of b, 10.0.1.1 of b',
  },
  {
    name: 'fewer addresses: what is published stays',
    had: [{ address: '10.0.0.8' }, { ...four, isPublished: true }],
    want: 'keep 10.0.0.9; drop 10.0.0.8',
  },
  {
    name: 'another address',
    had: [four],
    asked: asking('10.0.0.8'),
    want: 'keep 10.0.0.9; get 10.0.0.8 of a',
  },
  {
    name: 'another address, that it has got',
    had: [four, { address: '10.0.0.8' }],
    asked: asking('10.0.0.8'),
    want: 'keep 10.0.0.8; drop 10.0.0.9',
  },
  {
    name: 'an address that can not be had',
    had: [four],
    asked: asking('10.9.9.9'),
    want: 'keep 10.0.0.9; AddressOutsidePools',
  },
  { name: 'the address that it has', had: [four], asked: asking('10.0.0.9'), want: 'keep 10.0.0.9' },
  {
    name: 'another pool',
    had: [{ ...four, pool: 'a' }],
    pools: { ...DEFAULT, b: poolOf(['10.0.1.0/30']) },
    asked: from('b'),
    want: 'keep 10.0.0.9; get 10.0.1.0 of b',
  },
  {
    name: 'the name of a pool that has its address',
    had: [{ ...four, pool: 'x' }],
    asked: from('a'),
    want: 'keep 10.0.0.9',
  },
  {
    name: 'the name of its pool, which is gone',
    had: [{ ...four, pool: 'b' }],
    asked: from('b'),
    want: 'keep 10.0.0.9',
  },
  {
    name: 'one of two being withdrawn',
    had: [four, { address: '10.0.0.8', isLeaving: true }],
    asked: { count: 2 },
    want: 'keep 10.0.0.9; wait',
  },
  {
    name: 'one of two families being withdrawn',
    had: [{ ...four, isLeaving: true }, six],
    asked: both,
    want: 'keep fd77::9; wait',
  },
  { name: 'an address that is being withdrawn', had: [{ ...four, isLeaving: true }], want: 'wait' },
  {
    name: 'renumbering',
    had: [{ ...four, isPublished: true }],
    asked: { isRenumbering: true },
    want: 'keep 10.0.0.9; get 10.0.0.8 of a',
  },
  {
    name: 'renumbering, with the new address',
    had: [{ ...four, isPublished: true }, { address: '10.0.0.8' }],
    asked: { isRenumbering: true },
    want: 'keep 10.0.0.9; coming 10.0.0.8',
  },
  {
    name: 'renumbering, with the new address answered for',
    had: [
      { ...four, isPublished: true },
      { address: '10.0.0.8', isReady: true },
    ],
    asked: { isRenumbering: true },
    want: 'keep 10.0.0.8; going 10.0.0.9',
  },
  {
    name: 'renumbered, in the overlap',
    had: [
      { address: '10.0.0.8', isPublished: true },
      { ...four, isPublished: true, isReplaced: true },
    ],
    want: 'keep 10.0.0.8; going 10.0.0.9',
  },
  {
    name: 'renumbered, and the overlap is over',
    had: [
      { address: '10.0.0.8', isPublished: true },
      { ...four, isReplaced: true },
    ],
    want: 'keep 10.0.0.8; drop 10.0.0.9',
  },
  {
    name: 'renumbering again in the overlap',
    had: [
      { address: '10.0.0.8', isPublished: true },
      { ...four, isPublished: true, isReplaced: true },
    ],
    asked: { isRenumbering: true },
    want: 'keep 10.0.0.8; going 10.0.0.9; get 10.0.0.10 of a',
  },
  {
    name: 'the replaced address asked for again in the overlap',
    had: [
      { address: '10.0.0.8', isPublished: true },
      { ...four, isPublished: true, isReplaced: true },
    ],
    asked: asking('10.0.0.9'),
    want: 'keep 10.0.0.9; drop 10.0.0.8',
  },
  {
    name: 'the only address said to be replaced',
    had: [{ ...four, isPublished: true, isReplaced: true }],
    want: 'keep 10.0.0.9',
  },
  {
    name: 'renumbering, no more wished for before the new address is published',
    had: [
      { ...four, isPublished: true },
      { address: '10.0.0.8', isReady: true },
    ],
    want: 'keep 10.0.0.9; drop 10.0.0.8',
  },
  {
    name: 'renumbering, with a new address of a pool that is drained meanwhile',
    had: [
      { ...four, isPublished: true },
      { address: '10.0.1.0', isReady: true },
    ],
    pools: { b: poolOf(['10.0.1.0/30'], { disabled: true }), c: poolOf(['10.0.2.0/30']) },
    asked: { isRenumbering: true },
    want: 'keep 10.0.0.9; coming 10.0.1.0; get 10.0.2.0 of c',
  },
  {
    name: 'the same, with another one',
    had: [{ ...four, isPublished: true }, { address: '10.0.1.0' }, { address: '10.0.2.0' }],
    pools: { b: poolOf(['10.0.1.0/30'], { disabled: true }), c: poolOf(['10.0.2.0/30']) },
    asked: { isRenumbering: true },
    want: 'keep 10.0.0.9; coming 10.0.2.0; drop 10.0.1.0',
  },
  {
    name: 'renumbering several, one of them not answered for',
    had: [
      { ...four, isPublished: true },
      { address: '10.0.0.8', isPublished: true },
      { address: '10.0.0.10', isReady: true },
      { address: '10.0.0.11' },
    ],
    asked: { isRenumbering: true, count: 2 },
    want: 'keep 10.0.0.9,10.0.0.8; coming 10.0.0.10,10.0.0.11',
  },
  {
    name: 'renumbering several, one of them not there any more',
    had: [
      { ...four, isPublished: true },
      { address: '10.0.0.8', isPublished: true },
      { address: '10.0.0.10', isReady: true },
    ],
    pools: { a: poolOf(['10.0.0.8-10.0.0.10']) },
    asked: { isRenumbering: true, count: 2 },
    want: 'keep 10.0.0.9,10.0.0.8; coming 10.0.0.10; PoolsExhausted',
  },
  {
    name: 'renumbering both families, of which one can not be had',
    had: [
      { ...four, isPublished: true },
      { ...six, isPublished: true },
    ],
    pools: { a: poolOf(['10.0.0.8/30', 'fd77::9']) },
    asked: { ...both, isRenumbering: true, isOneFamilyEnough: true },
    want: 'keep 10.0.0.9,fd77::9; PoolsExhausted',
  },
  {
    name: 'renumbering both families, of which one is answered for',
    had: [
      { ...four, isPublished: true },
      { ...six, isPublished: true },
      { address: '10.0.0.8', isReady: true },
      { address: 'fd77::8' },
    ],
    asked: { ...both, isRenumbering: true },
    want: 'keep 10.0.0.9,fd77::9; coming 10.0.0.8,fd77::8',
  },
  {
    name: 'renumbering one family, of which the other was never published',
    had: [{ ...four, isPublished: true }, six, { address: '10.0.0.8', isReady: true }],
    asked: { ...both, isRenumbering: true },
    want: 'keep 10.0.0.8,fd77::9; going 10.0.0.9',
  },
  {
    name: 'renumbering one family, of which the other can not be had',
    had: [{ ...four, isPublished: true }],
    pools: { a: poolOf(['10.0.0.8/30']) },
    asked: { ...both, isRenumbering: true, isOneFamilyEnough: true },
    want: 'keep 10.0.0.9; get 10.0.0.8 of a without FamilyUnavailable',
  },
  ...[true, false].map((isOneFamilyEnough) => ({
    name: `renumbering one family, which can not be had, ${isOneFamilyEnough ? 'without' : 'with'} need of the other`,
    had: [{ address: '10.0.0.8', isPublished: true }],
    pools: { a: poolOf(['10.0.0.8', 'fd77::8']) },
    asked: { ...both, isRenumbering: true, isOneFamilyEnough },
    want: 'keep 10.0.0.8; get fd77::8 of a, PoolsExhausted',
  })),
  {
    name: 'another address, that it has got, and nobody answers for it',
    had: [{ ...four, isPublished: true }, { address: '10.0.0.8' }],
    asked: asking('10.0.0.8'),
    want: 'keep 10.0.0.9; coming 10.0.0.8',
  },
  {
    name: 'renumbering, and there is no other',
    had: [{ address: '10.0.0.8', isPublished: true }],
    pools: FULL,
    asked: { isRenumbering: true },
    want: 'keep 10.0.0.8; PoolsExhausted',
  },
];

const shop = tenant('shop');
const heldOf = ({ address: text, ...had }: Had): HeldAddress => ({
  ...{ pool: 'a', isPublished: false, isReady: false, isReplaced: false, isLeaving: false },
  ...had,
  address: address(text),
});

for (const { name, pools = DEFAULT, had, asked = {}, want } of CASES) {
  test(`${name}: ${want}`, () => {
    const book = new AddressBook();
    for (const [pool, spec] of Object.entries(pools)) book.setPool(pool, spec);
    for (const one of had) give(book, one.address, shop);
    const preferred = had.filter(({ isPublished }) => isPublished).map((one) => address(one.address));
    const held = [...had]
      .sort((a, b) => Number(b.isPublished ?? false) - Number(a.isPublished ?? false))
      .map(heldOf);
    const decision = book.decide(requestOf('shop', { preferred, ...asked }), held);
    const { keep, coming, going, drop, isWithdrawing } = decision;
    const parts = [
      keep.length > 0 ? `keep ${keep.map(formatAddress).join()}` : '',
      coming.length > 0 ? `coming ${coming.map(formatAddress).join()}` : '',
      going.length > 0 ? `going ${going.map(formatAddress).join()}` : '',
      drop.length > 0 ? `drop ${drop.map(formatAddress).join()}` : '',
      decision.grants.length > 0 ? `get ${shown(decision)}` : shown(decision),
      isWithdrawing ? 'wait' : '',
    ];
    assert.equal(parts.filter((part) => part !== '').join('; '), want);
  });
}

test('an address held for two reasons is free only when both are gone', () => {
  const book = new AddressBook();
  book.setPool('a', poolOf(['10.0.0.1']));
  give(book, '10.0.0.1', shop);
  book.hold('Service x kept', [address('10.0.0.1')], { kind: 'kept', service: shop, rank: 'a' });
  assert.equal(take(book, '10.0.0.1'), false, 'its status still names it');
  assert.equal(shown(book.decide(requestOf('late'))), 'PoolsExhausted');
  assert.equal(book.hold('Service x kept', [], { kind: 'kept', service: shop, rank: 'a' }), true);
  assert.equal(shown(book.decide(requestOf('late'))), '10.0.0.1 of a');
});

test('a VirtualIP knows better than the status of a Service, and of two the older Service is right', () => {
  const book = new AddressBook();
  book.setPool('a', poolOf(['10.0.0.1-10.0.0.2']));
  const kept = (name: string) =>
    book.hold(`${name} kept`, [address('10.0.0.1')], { kind: 'kept', service: tenant(name), rank: name });
  kept('a');
  kept('b');
  const preferred = [address('10.0.0.1')];
  assert.equal(shown(book.decide(requestOf('b', { preferred }))), '10.0.0.2 of a');
  assert.equal(shown(book.decide(requestOf('a', { preferred }))), '10.0.0.1 of a');
  give(book, '10.0.0.1', tenant('b'));
  assert.equal(shown(book.decide(requestOf('a', { preferred }))), '10.0.0.2 of a');
});

test('an address that a Node has too stays with the Service that has it, and nobody joins it', () => {
  const book = new AddressBook();
  book.setPool('a', poolOf(['10.0.0.1-10.0.0.2']));
  const sharing = claim({ key: 'dns', ports: ['TCP/53'] });
  book.decide(requestOf('shop', { sharing }));
  give(book, '10.0.0.1', shop);
  book.hold('Node n1', [address('10.0.0.1')], { kind: 'blocked', by: 'Node n1' });
  const held = [heldOf({ address: '10.0.0.1', isPublished: true })];
  assert.deepEqual(book.decide(requestOf('shop', { sharing }), held).keep, [address('10.0.0.1')]);
  const late = claim({ key: 'dns', ports: ['UDP/53'] });
  assert.equal(shown(book.decide(requestOf('late', { sharing: late }))), '10.0.0.2 of a');
});

const HELD_BACK = {
  'a Node has': { kind: 'blocked', by: 'Node n1' },
  'is reserved for another': { kind: 'virtual-ip', services: [], reservedFor: 'web/boss' },
} as const;
for (const [what, tenancy] of Object.entries(HELD_BACK)) {
  test(`a Service that waits for the address of its status, which ${what}, is looked at when that ends`, () => {
    const book = new AddressBook();
    book.setPool('a', poolOf(['10.0.0.1-10.0.0.2']));
    const its = [address('10.0.0.1')];
    book.hold('Service shop kept', its, { kind: 'kept', service: shop, rank: 'a' });
    book.hold('VirtualIP 10.0.0.1', its, tenancy);
    const wish = requestOf('shop', { preferred: its, ...asking('10.0.0.1') });
    assert.match(shown(book.decide(wish)), /^Address(InUse|Reserved)$/);
    assert.equal(book.hold('VirtualIP 10.0.0.1', [], tenancy), true);
    assert.equal(shown(book.decide(wish)), '10.0.0.1 of a');
  });
}

test('a pool that changes or overlaps another keeps what is held', () => {
  const book = new AddressBook();
  book.setPool('a', poolOf(['10.0.0.1-10.0.0.3']));
  give(book, '10.0.0.2', shop);
  book.setPool('b', poolOf(['10.0.0.2-10.0.0.4']));
  book.setPool('c', poolOf(['10.0.0.5']));
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => book.overlapping(name).join()),
    ['b', 'a', ''],
  );
  book.setPool('a', poolOf(['10.0.0.2']));
  assert.deepEqual(book.counts('a', 'IPv4'), { total: 1n, available: 0n, allocated: 1 });
  assert.deepEqual(book.counts('b', 'IPv4'), { total: 3n, available: 2n, allocated: 1 });
  assert.equal(take(book, '10.0.0.2'), true);
  assert.deepEqual(book.counts('a', 'IPv4'), { total: 1n, available: 1n, allocated: 0 });
  assert.deepEqual(book.counts('b', 'IPv4'), { total: 3n, available: 3n, allocated: 0 });
});

test('a reservation that goes, or is made for another, is none any more', () => {
  const book = new AddressBook();
  book.setPool('a', poolOf(['10.0.0.1']));
  const reserve = (reservedFor: string | undefined, ...its: readonly string[]) =>
    book.hold('VirtualIP x', its.map(address), { kind: 'virtual-ip', services: [], reservedFor });
  const given = () => shown(book.decide(requestOf('shop')));
  reserve('web/shop', '10.9.9.9');
  assert.equal(given(), '10.9.9.9 of ');
  reserve('web/boss', '10.9.9.9');
  assert.equal(given(), '10.0.0.1 of a');
  reserve('web/shop', '10.9.9.9');
  reserve('web/shop');
  assert.equal(given(), '10.0.0.1 of a');
  assert.deepEqual(book.reservedFor('web/shop'), []);
});

test('releasing an address of no pool frees nothing', () => {
  const book = new AddressBook();
  const node = { kind: 'blocked', by: 'Node n1' } as const;
  book.hold('Node n1', [address('10.0.0.9')], node);
  assert.equal(book.hold('Node n1', [], node), false);
});
