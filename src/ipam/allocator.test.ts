// Which addresses a Service gets, case by case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address, give, matching, poolOf, requestOf, shown, tenant } from '../../test/arbitrary/ipam.ts';
import { AddressBook } from './address-book.ts';
import type { PoolSpec } from './pool.ts';
import type { AllocationRequest, Tenant } from './request.ts';

interface Case {
  readonly name: string;
  readonly pools?: Readonly<Record<string, PoolSpec>>;
  readonly held?: Readonly<Record<string, Tenant>>;
  readonly blocked?: readonly string[];
  /** Reservations: for whom, '' for nobody. */
  readonly reserved?: Readonly<Record<string, string>>;
  readonly asked?: Partial<AllocationRequest>;
  readonly want: string;
}

const SIMPLE = { b: poolOf(['10.0.1.0/30']), a: poolOf(['10.0.0.8-10.0.0.9', 'fd77::/64']) };
const TWO_POOLS = { four: poolOf(['10.0.0.8']), six: poolOf(['fd77::8-fd77::9']) };
const rival = tenant('rival');
const asking = (...texts: string[]): Partial<AllocationRequest> => ({
  addresses: texts.map((text) => ({ value: address(text), source: 'fairlead.io/addresses' })),
});
const from = (value: string): Partial<AllocationRequest> => ({ pool: { value, source: 'fairlead.io/pool' } });
const both = { families: ['IPv4', 'IPv6'] } as const;
const preferring = { ...both, isOneFamilyEnough: true } as const;

const FAMILIES: readonly Case[] = [
  { name: 'the first free address of the first pool by name', want: '10.0.0.8 of a' },
  { name: 'an IPv6 address', asked: { families: ['IPv6'] }, want: 'fd77:: of a' },
  { name: 'both families of one pool', asked: both, want: '10.0.0.8 of a, fd77:: of a' },
  {
    name: 'both families of two pools',
    pools: TWO_POOLS,
    asked: both,
    want: '10.0.0.8 of four, fd77::8 of six',
  },
  { name: 'both required, one missing', pools: { b: SIMPLE.b }, asked: both, want: 'FamilyUnavailable' },
  {
    name: 'both preferred, one missing',
    pools: { b: SIMPLE.b },
    asked: preferring,
    want: '10.0.1.0 of b without FamilyUnavailable',
  },
  {
    name: 'both preferred, one used up',
    pools: TWO_POOLS,
    held: { '10.0.0.8': rival },
    asked: preferring,
    want: 'fd77::8 of six without PoolsExhausted',
  },
  {
    name: 'both preferred, both used up',
    pools: TWO_POOLS,
    held: { '10.0.0.8': rival, 'fd77::8': rival, 'fd77::9': rival },
    asked: preferring,
    want: 'PoolsExhausted',
  },
  {
    name: 'both preferred, and the address asked for is taken',
    held: { '10.0.0.9': rival },
    asked: { ...preferring, ...asking('10.0.0.9') },
    want: 'AddressInUse',
  },
  { name: 'pools of the other family only', pools: { six: TWO_POOLS.six }, want: 'FamilyUnavailable' },
];

const ROOM: readonly Case[] = [
  {
    name: 'the next pool when one is full',
    held: { '10.0.0.8': rival, '10.0.0.9': rival },
    want: '10.0.1.0 of b',
  },
  { name: 'no pool at all', pools: {}, want: 'NoPool' },
  {
    name: 'everything in use',
    pools: { a: poolOf(['10.0.0.8']) },
    held: { '10.0.0.8': rival },
    want: 'PoolsExhausted',
  },
  { name: 'three of one pool', asked: { count: 3 }, want: '10.0.1.0 of b, 10.0.1.1 of b, 10.0.1.2 of b' },
  { name: 'more than any one pool has', asked: { count: 5 }, want: 'PoolsExhausted' },
  {
    name: 'one asked for and two more of its pool',
    asked: { count: 3, ...asking('10.0.1.2') },
    want: '10.0.1.2 of b, 10.0.1.0 of b, 10.0.1.1 of b',
  },
  {
    name: 'what is excluded',
    pools: { a: poolOf(['10.0.0.8/30'], { exclude: poolOf(['10.0.0.8/31']).addresses }) },
    want: '10.0.0.10 of a',
  },
  {
    name: 'no edges',
    pools: { a: poolOf(['10.0.0.255-10.0.1.9'], { avoidEdges: true }) },
    want: '10.0.1.1 of a',
  },
  {
    name: 'only edges',
    pools: { a: poolOf(['10.0.0.255-10.0.1.0'], { avoidEdges: true }) },
    want: 'FamilyUnavailable',
  },
  { name: 'what nodes have', blocked: ['10.0.0.8'], want: '10.0.0.9 of a' },
];

const BEFORE: readonly Case[] = [
  { name: 'the address it had', asked: { preferred: [address('10.0.1.2')] }, want: '10.0.1.2 of b' },
  {
    name: 'the address it had, of a pool that is drained now',
    pools: { ...SIMPLE, b: poolOf(['10.0.1.0/30'], { disabled: true }) },
    asked: { preferred: [address('10.0.1.2')] },
    want: '10.0.1.2 of b',
  },
  {
    name: 'the address it had, now of somebody else',
    held: { '10.0.1.2': rival },
    asked: { preferred: [address('10.0.1.2')] },
    want: '10.0.0.8 of a',
  },
  {
    name: 'the address it had, in no pool',
    asked: { preferred: [address('10.9.9.9')] },
    want: '10.0.0.8 of a',
  },
  { name: 'what is reserved for it', reserved: { '10.9.9.9': 'web/shop' }, want: '10.9.9.9 of ' },
  {
    name: 'the address it had, of another pool than it asks for now',
    asked: { preferred: [address('10.0.1.2')], ...from('a') },
    want: '10.0.0.8 of a',
  },
  {
    name: 'what is reserved for it, of another pool than it asks for',
    reserved: { '10.0.1.2': 'web/shop', '10.9.9.9': 'web/shop' },
    asked: from('a'),
    want: '10.0.0.8 of a',
  },
  {
    name: 'what is reserved for it, of the pool that it asks for',
    reserved: { '10.0.1.2': 'web/shop', '10.9.9.9': 'web/shop' },
    asked: from('b'),
    want: '10.0.1.2 of b',
  },
  { name: 'not what is reserved for others', reserved: { '10.0.0.8': 'web/rival' }, want: '10.0.0.9 of a' },
  { name: 'not what is reserved for nobody', reserved: { '10.0.0.8': '' }, want: '10.0.0.9 of a' },
];

const ASKED: readonly Case[] = [
  { name: 'the address asked for', asked: asking('10.0.1.3'), want: '10.0.1.3 of b' },
  {
    name: 'both addresses asked for',
    asked: { ...both, ...asking('fd77::7', '10.0.1.3') },
    want: '10.0.1.3 of b, fd77::7 of a',
  },
  {
    name: 'an address that is taken',
    held: { '10.0.1.3': rival },
    asked: asking('10.0.1.3'),
    want: 'AddressInUse',
  },
  { name: 'an address of a node', blocked: ['10.0.1.3'], asked: asking('10.0.1.3'), want: 'AddressInUse' },
  { name: 'an address in no pool', asked: asking('10.9.9.9'), want: 'AddressOutsidePools' },
  {
    name: 'an address reserved for another',
    reserved: { '10.0.1.3': 'web/b' },
    asked: asking('10.0.1.3'),
    want: 'AddressReserved',
  },
  {
    name: 'an address of another pool than asked for',
    asked: { ...asking('10.0.1.3'), ...from('a') },
    want: 'AddressOutsidePools',
  },
  {
    name: 'an address of a pool that is not there',
    asked: { ...asking('10.0.1.3'), ...from('c') },
    want: 'NoPool',
  },
  { name: 'an address, without any pool', pools: {}, asked: asking('10.0.1.3'), want: 'NoPool' },
  {
    name: 'an address that is reserved for it, in no pool',
    reserved: { '10.9.9.9': 'web/shop' },
    asked: asking('10.9.9.9'),
    want: '10.9.9.9 of ',
  },
  { name: 'a pool', asked: from('b'), want: '10.0.1.0 of b' },
  { name: 'a pool that is not there', asked: from('c'), want: 'NoPool' },
  {
    name: 'a family that the pool does not have',
    asked: { families: ['IPv6'], ...from('b') },
    want: 'FamilyUnavailable',
  },
];

const TEAM = { team: poolOf(['10.0.0.8'], { namespaces: ['team-a'] }) };
const TENANT = { tenant: poolOf(['10.0.0.8'], { namespaceSelector: matching({ tenant: 'a' }) }) };
const FRONT = { front: poolOf(['10.0.0.8'], { serviceSelector: matching({ tier: 'front' }) }) };
const QUOTA = { a: poolOf(['10.0.0.8/29'], { quotaPerNamespace: 1 }) };
const RULES: readonly Case[] = [
  { name: 'a pool for another namespace', pools: TEAM, want: 'NamespaceNotAllowed' },
  {
    name: 'an address of a pool for another namespace',
    pools: TEAM,
    asked: asking('10.0.0.8'),
    want: 'NamespaceNotAllowed',
  },
  { name: 'a pool for its namespace', pools: TEAM, asked: { namespace: 'team-a' }, want: '10.0.0.8 of team' },
  {
    name: 'a pool for namespaces of another label',
    pools: TENANT,
    asked: { namespace: 'b' },
    want: 'NamespaceNotAllowed',
  },
  { name: 'a pool for namespaces of its label', pools: TENANT, want: '10.0.0.8 of tenant' },
  { name: 'a pool for other Services', pools: FRONT, want: 'ServiceNotSelected' },
  {
    name: 'a pool for Services like it',
    pools: FRONT,
    asked: { labels: { tier: 'front' } },
    want: '10.0.0.8 of front',
  },
  { name: 'a drained pool', pools: { a: poolOf(['10.0.0.8'], { disabled: true }) }, want: 'PoolDisabled' },
  {
    name: 'a pool on request',
    pools: { a: poolOf(['10.0.0.8'], { autoAssign: false }) },
    want: 'PoolNotAutomatic',
  },
  {
    name: 'a pool on request, requested',
    pools: { a: poolOf(['10.0.0.8'], { autoAssign: false }) },
    asked: from('a'),
    want: '10.0.0.8 of a',
  },
  {
    name: 'an address on request',
    pools: { a: poolOf(['10.0.0.8'], { autoAssign: false }) },
    asked: asking('10.0.0.8'),
    want: '10.0.0.8 of a',
  },
  { name: 'a quota that is used up', pools: QUOTA, held: { '10.0.0.9': rival }, want: 'QuotaExceeded' },
  {
    name: 'a quota that others used up',
    pools: QUOTA,
    held: { '10.0.0.9': tenant('x', 'other') },
    want: '10.0.0.8 of a',
  },
  {
    name: 'a quota, by address',
    pools: QUOTA,
    held: { '10.0.0.9': rival },
    asked: asking('10.0.0.10'),
    want: 'QuotaExceeded',
  },
  {
    name: 'the next pool after a quota',
    pools: { ...QUOTA, b: SIMPLE.b },
    held: { '10.0.0.9': rival },
    want: '10.0.1.0 of b',
  },
];

function bookOf({ pools = SIMPLE, held = {}, blocked = [], reserved = {} }: Case): AddressBook {
  const book = new AddressBook();
  book.setNamespace('web', { tenant: 'a' });
  for (const [name, spec] of Object.entries(pools)) book.setPool(name, spec);
  for (const [text, owner] of Object.entries(held)) give(book, text, owner);
  book.hold('Node n1', blocked.map(address), { kind: 'blocked', by: 'Node n1' });
  for (const [text, key] of Object.entries(reserved)) {
    const tenancy = { kind: 'virtual-ip', services: [], reservedFor: key === '' ? undefined : key } as const;
    book.hold(`VirtualIP ${text}`, [address(text)], tenancy);
  }
  return book;
}

for (const one of [...FAMILIES, ...ROOM, ...BEFORE, ...ASKED, ...RULES]) {
  test(`${one.name}: ${one.want}`, () => {
    const decision = bookOf(one).decide(requestOf('shop', one.asked));
    assert.equal(shown(decision), one.want);
    if (decision.refusal !== undefined) assert.match(decision.refusal.message, /: /, 'says what would help');
    const isOfPools = decision.refusal?.code === 'NoPool';
    if (one.asked?.addresses?.[0] !== undefined && decision.refusal !== undefined && !isOfPools)
      assert.match(
        decision.refusal.message,
        /^(fairlead.io\/addresses "\d|metadata)/,
        'names the field and its value',
      );
  });
}

const ORDER: readonly (readonly [string, PoolSpec])[] = [
  ['urgent', poolOf(['10.0.0.1'], { priority: 0 })],
  ['by-name', poolOf(['10.0.0.2'], { namespaces: ['web'] })],
  ['two-labels', poolOf(['10.0.0.3'], { namespaceSelector: matching({ tenant: 'a', zone: 'b' }) })],
  ['one-label', poolOf(['10.0.0.4'], { namespaceSelector: matching({ tenant: 'a' }) })],
  ['selective', poolOf(['10.0.0.5'], { serviceSelector: matching({ tier: 'front' }) })],
  ['a-global', poolOf(['10.0.0.6'])],
  ['b-global', poolOf(['10.0.0.7'])],
  ['last', poolOf(['10.0.0.8'], { priority: 101, namespaces: ['web'] })],
];
test('pools are asked by priority, then those of namespaces, the most specific, by name', () => {
  const book = new AddressBook();
  book.setNamespace('web', { tenant: 'a', zone: 'b' });
  for (const [name, spec] of [...ORDER].reverse()) book.setPool(name, spec);
  const asked: string[] = [];
  for (const [i] of ORDER.entries()) {
    const { grants } = book.decide(requestOf(`s${i}`, { labels: { tier: 'front' } }));
    asked.push(grants[0]?.pool ?? 'none');
    give(book, `10.0.0.${Number((grants[0]?.address.value ?? 0n) & 255n)}`, tenant(`s${i}`));
  }
  assert.deepEqual(
    asked,
    ORDER.map(([name]) => name),
  );
});
