// The book against a plain reading of its rules, over random histories of Services, pools and reservations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { address, claim, requestOf, STAYING } from '../../test/arbitrary/ipam.ts';
import { type Address, type Family, formatAddress } from '../net/address.ts';
import { AddressBook } from './address-book.ts';
import type { Decision } from './allocator.ts';
import { PLAIN_POOL, type PoolSpec } from './pool.ts';
import type { AllocationRequest, HeldAddress } from './request.ts';
import { type SharingClaim, whyNotShared } from './sharing.ts';

const SPACE = 32;
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

/** What a Service of the model wants. */
interface Wish {
  readonly namespace: 'web' | 'team';
  readonly families: readonly Family[];
  readonly isOneFamilyEnough: boolean;
  readonly count: number;
  readonly key: string;
  readonly port: number;
  /** An IPv4 address, below SPACE. */
  readonly asked: number | undefined;
}

type Event =
  | { readonly kind: 'wish'; readonly name: number; readonly wish: Wish | undefined }
  | { readonly kind: 'pool'; readonly name: string; readonly spec: PoolSpec | undefined }
  | {
      readonly kind: 'reserve';
      readonly value: number;
      readonly for: number | undefined;
      readonly isThere: boolean;
    }
  | { readonly kind: 'restart' };

/** A plain reading of the rules: everything is enumerated, nothing is remembered but who has what. */
class Model {
  readonly pools = new Map<string, PoolSpec>();
  readonly wishes = new Map<number, Wish>();
  readonly has = new Map<number, readonly Address[]>();
  readonly reserved = new Map<number, number | undefined>();

  request(name: number): AllocationRequest {
    const wish = this.wishes.get(name);
    assert.ok(wish);
    const { namespace, families, isOneFamilyEnough, count, asked } = wish;
    const value = asked === undefined ? undefined : v4(asked);
    const addresses = value === undefined || !families.includes('IPv4') ? [] : [{ value, source: 'asked' }];
    const sharing = claimOf(wish);
    return requestOf(`s${name}`, { namespace, families, isOneFamilyEnough, count, addresses, sharing });
  }

  /** The Services that have the address. */
  tenants(one: Address): readonly number[] {
    return [...this.has].filter(([, all]) => all.some((other) => same(one, other))).map(([name]) => name);
  }

  mayHave(name: number, one: Address): boolean {
    const wish = this.wishes.get(name);
    assert.ok(wish);
    const tenants = this.tenants(one);
    const others = tenants.filter((other) => other !== name);
    const isReserved =
      one.family === 'IPv4' && this.reserved.has(Number(one.value)) && this.tenants(one).length === 0;
    if (isReserved && this.reserved.get(Number(one.value)) !== name) return false;
    return others.every((other) => this.#mayShare(wish, other, tenants.includes(name) ? undefined : one));
  }

  /** How many new addresses one pool has for the Service, for each pool that it may use. */
  room(name: number, family: Family): readonly number[] {
    const { namespace, asked } = this.wishes.get(name) ?? {};
    const isAsked = family === 'IPv4' && asked !== undefined;
    const usable = [...this.pools.values()].filter(
      (spec) => (spec.namespaces.length === 0 || spec.namespaces.includes(namespace ?? '')) && !spec.disabled,
    );
    const had = this.has.get(name) ?? [];
    return usable
      .filter((spec) => !isAsked || isIn(spec, v4(asked)))
      .map((spec) => all(family).filter((one) => isIn(spec, one) && !had.some((h) => same(h, one))))
      .map((members) => members.filter((one) => this.mayHave(name, one)).length);
  }

  /** `one` is the address that it would come to; who has it already stays, whatever the pools say. */
  #mayShare(wish: Wish, other: number, one: Address | undefined): boolean {
    const theirs = this.wishes.get(other);
    assert.ok(theirs, 'who has an address is there');
    const isAcrossNamespaces =
      one === undefined ||
      [...this.pools.values()].some((spec) => spec.sharing === 'Cluster' && isIn(spec, one));
    return whyNotShared(claimOf(wish), claimOf(theirs), { isAcrossNamespaces }) === undefined;
  }
}

const v4 = (value: number): Address => ({ family: 'IPv4', value: BigInt(value) });
const all = (family: Family): readonly Address[] =>
  Array.from({ length: SPACE }, (_, i) => ({ family, value: BigInt(i) }));
const same = (a: Address, b: Address): boolean => formatAddress(a) === formatAddress(b);
const inRanges = (ranges: PoolSpec['addresses'], { family, value }: Address): boolean =>
  ranges.some((one) => one.family === family && one.first <= value && value <= one.last);
const isIn = ({ addresses, exclude }: PoolSpec, one: Address): boolean =>
  inRanges(addresses, one) && !inRanges(exclude, one);

const claims = new Map<string, SharingClaim>();
/** The same claim is the same object, as in the controller. */
function claimOf({ namespace, key, port }: Wish): SharingClaim {
  const id = `${namespace} ${key} ${port}`;
  const known = claims.get(id) ?? claim({ namespace, key, ports: [`TCP/${port}`], namespaces: ['*'] });
  claims.set(id, known);
  return known;
}

/** A book that was told what there is, as after a start. */
function bookOf(model: Model): AddressBook {
  const book = new AddressBook();
  for (const [name, spec] of model.pools) book.setPool(name, spec);
  for (const name of model.wishes.keys()) tellClaim(book, model, name);
  for (const one of FAMILIES.flatMap(all)) tellVirtualIP(book, model, one);
  return book;
}

const tellClaim = (book: AddressBook, model: Model, name: number): void => {
  const wish = model.wishes.get(name);
  book.setClaim(`uid-${wish?.namespace ?? 'web'}-s${name}`, wish && claimOf(wish));
};

function tellVirtualIP(book: AddressBook, model: Model, one: Address): void {
  const services = model.tenants(one).map((name) => model.request(name));
  const isReserved = one.family === 'IPv4' && model.reserved.has(Number(one.value));
  const key = model.reserved.get(Number(one.value));
  const namespace = (key === undefined ? undefined : model.wishes.get(key)?.namespace) ?? 'web';
  const reservedFor = isReserved && key !== undefined ? `${namespace}/s${key}` : undefined;
  const addresses = services.length > 0 || isReserved ? [one] : [];
  book.hold(`VirtualIP ${formatAddress(one)}`, addresses, { kind: 'virtual-ip', services, reservedFor });
}

class Run {
  readonly model = new Model();
  book = new AddressBook();

  apply(event: Event): void {
    const { model } = this;
    const before = new Map(model.has);
    if (event.kind === 'wish') this.#wish(event.name, event.wish);
    else if (event.kind === 'pool') this.#pool(event.name, event.spec);
    else if (event.kind === 'reserve') this.#reserve(event);
    else this.book = bookOf(model);
    this.#settle();
    this.#checkUnique();
    const changed = event.kind === 'wish' ? event.name : undefined;
    for (const [name, had] of before) {
      // Sticky: whatever happens to others and to pools, a Service that did not change keeps what it has.
      if (name !== changed && !this.#isMoving(name, had))
        for (const one of had) assert.ok(this.#hasStill(name, one), `s${name} lost ${formatAddress(one)}`);
    }
  }

  /** It asks for an address that it did not have, and may get it at any time. */
  #isMoving(name: number, had: readonly Address[]): boolean {
    const asked = this.model.wishes.get(name)?.asked;
    return asked !== undefined && !had.some((one) => same(one, v4(asked)));
  }

  #hasStill(name: number, one: Address): boolean {
    return this.model.has.get(name)?.some((other) => same(one, other)) ?? false;
  }

  #wish(name: number, wish: Wish | undefined): void {
    const { model } = this;
    const before = model.wishes.get(name);
    // A Service does not move to another namespace.
    const next = wish && before ? { ...wish, namespace: before.namespace } : wish;
    if (next === undefined) this.#set(name, []);
    if (next === undefined) model.wishes.delete(name);
    else model.wishes.set(name, next);
    tellClaim(this.book, model, name);
    for (const value of model.reserved.keys()) tellVirtualIP(this.book, model, v4(value));
  }

  #pool(name: string, spec: PoolSpec | undefined): void {
    this.book.setPool(name, spec);
    if (spec === undefined) this.model.pools.delete(name);
    else this.model.pools.set(name, spec);
  }

  #reserve({ value, for: name, isThere }: Extract<Event, { readonly kind: 'reserve' }>): void {
    const { model } = this;
    // A name is free for a reservation only while no VirtualIP has it.
    if (isThere && model.tenants(v4(value)).length > 0) return;
    if (isThere) model.reserved.set(value, name);
    else model.reserved.delete(value);
    tellVirtualIP(this.book, model, v4(value));
  }

  /** Everybody's turn in order of creation, until nothing changes any more; then nobody may have missed anything. */
  #settle(): void {
    const names = [...this.model.wishes.keys()].sort((a, b) => a - b);
    for (let isChanged = true, round = 0; isChanged; round++) {
      assert.ok(round < 10, 'it comes to rest');
      isChanged = names.map((name) => this.#turn(name)).includes(true);
    }
    for (const name of names) this.#checkComplete(name, this.#decide(name));
  }

  #decide(name: number): ReturnType<AddressBook['decide']> {
    const had = this.model.has.get(name) ?? [];
    const held = had.map((one): HeldAddress => ({ address: one, pool: '', isPublished: true, ...STAYING }));
    return this.book.decide(this.model.request(name), held);
  }

  #turn(name: number): boolean {
    const decision = this.#decide(name);
    const again = { ...this.#decide(name), letsIn: decision.letsIn };
    assert.deepEqual(again, decision, 'deterministic');
    const { keep, grants, drop } = decision;
    for (const { address: one } of grants)
      assert.ok(this.model.mayHave(name, one), `${formatAddress(one)} is not free`);
    this.#set(name, [...keep, ...grants.map((grant) => grant.address)]);
    return grants.length + drop.length > 0;
  }

  #set(name: number, next: readonly Address[]): void {
    const before = this.model.has.get(name) ?? [];
    if (next.length === 0) this.model.has.delete(name);
    else this.model.has.set(name, next);
    for (const one of [...before, ...next]) tellVirtualIP(this.book, this.model, one);
  }

  #checkUnique(): void {
    for (const one of FAMILIES.flatMap(all)) {
      const tenants = this.model.tenants(one);
      for (const name of tenants)
        assert.ok(this.model.mayHave(name, one), `${formatAddress(one)} of ${tenants.join()}`);
    }
  }

  /** Who waits for a family could not get what is missing from any pool. */
  #checkComplete(name: number, { refusal, isSatisfied }: Decision): void {
    if (refusal === undefined) return;
    const { families, count, asked } = this.model.wishes.get(name) ?? {
      families: [],
      count: 0,
      asked: undefined,
    };
    if (asked !== undefined) return;
    const has = (family: Family) =>
      (this.model.has.get(name) ?? []).filter((one) => one.family === family).length;
    const isShort = (family: Family) =>
      has(family) < count &&
      this.model.room(name, family).every((room) => room < count - has(family) || has(family) > 0);
    assert.ok(families.some(isShort), `s${name} waits and need not: ${refusal.code} ${isSatisfied}`);
  }
}

const wish: fc.Arbitrary<Wish> = fc.record({
  namespace: fc.constantFrom('web', 'team'),
  families: fc.constantFrom<readonly Family[]>(['IPv4'], ['IPv4'], ['IPv6'], ['IPv4', 'IPv6']),
  isOneFamilyEnough: fc.boolean(),
  count: fc.constantFrom(1, 1, 1, 2, 3),
  key: fc.constantFrom('', '', 'k', 'l'),
  port: fc.integer({ min: 1, max: 3 }),
  asked: fc.option(fc.integer({ min: 0, max: SPACE - 1 }), { nil: undefined, freq: 4 }),
});
const ranges = (maxLength: number, minLength: number) =>
  fc.array(
    fc
      .record({ family: fc.constantFrom(...FAMILIES), from: fc.nat(SPACE - 9), size: fc.nat(7) })
      .map((one) => ({
        family: one.family,
        first: BigInt(one.from),
        last: BigInt(one.from + one.size),
      })),
    { minLength, maxLength },
  );
const poolSpec = fc
  .record({
    addresses: ranges(3, 1),
    exclude: ranges(1, 0),
    namespaces: fc.constantFrom<readonly string[]>([], [], ['team']),
    priority: fc.integer({ min: 0, max: 2 }),
    disabled: fc.boolean(),
    sharing: fc.constantFrom<'Namespace' | 'Cluster'>('Namespace', 'Cluster'),
  })
  .map((changes): PoolSpec => ({ ...PLAIN_POOL, ...changes }));
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('wish' as const),
      name: fc.nat(7),
      wish: fc.option(wish, { nil: undefined, freq: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pool' as const),
      name: fc.constantFrom('a', 'b', 'c'),
      spec: fc.option(poolSpec, { nil: undefined, freq: 4 }),
    }),
  },
  fc.record({
    kind: fc.constant('reserve' as const),
    value: fc.nat(SPACE - 1),
    for: fc.option(fc.nat(7), { nil: undefined }),
    isThere: fc.boolean(),
  }),
  fc.constant({ kind: 'restart' as const }),
);

test('any history: unique or lawfully shared, complete, sticky, deterministic', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 10, maxLength: 80 }), (history) => {
      const run = new Run();
      for (const one of history) run.apply(one);
    }),
    { numRuns: 150 },
  );
});

test('fair: whoever waits longest gets what becomes free', () => {
  const events = fc.array(fc.record({ isFreed: fc.boolean(), value: fc.nat(5) }), { maxLength: 60 });
  fc.assert(
    fc.property(events, (history) => {
      const book = new AddressBook();
      book.setPool('a', { ...PLAIN_POOL, addresses: [{ family: 'IPv4', first: 0n, last: 5n }] });
      const owners = new Map<number, number>();
      let [created, served] = [0, 0];
      for (const { isFreed, value } of history) {
        const holder = `VirtualIP ${value}`;
        const nobody = { kind: 'virtual-ip', services: [], reservedFor: undefined } as const;
        if (!isFreed) created++;
        else if (owners.delete(value)) assert.equal(book.hold(holder, [], nobody), true);
        for (; served < created; served++) {
          const [grant] = book.decide(requestOf(`s${served}`)).grants;
          if (grant === undefined) break;
          const taken = Number(grant.address.value);
          assert.equal(owners.has(taken), false);
          owners.set(taken, served);
          const tenancy = { ...nobody, services: [requestOf(`s${served}`)] };
          book.hold(`VirtualIP ${taken}`, [grant.address], tenancy);
        }
        assert.ok(served === created || owners.size === 6, 'nobody waits while there is a free address');
      }
    }),
  );
});

test('a claim that a namespace does not open keeps others out', () => {
  const book = new AddressBook();
  book.setPool('a', { ...PLAIN_POOL, addresses: [{ family: 'IPv4', first: 1n, last: 1n }] });
  const held = { kind: 'virtual-ip', services: [requestOf('a')], reservedFor: undefined } as const;
  book.hold('VirtualIP 0.0.0.1', [address('0.0.0.1')], held);
  const sharing = claim({ key: 'k', ports: ['TCP/1'] });
  assert.equal(book.decide(requestOf('b', { sharing })).refusal?.code, 'PoolsExhausted');
  book.setClaim('uid-web-a', claim({ key: 'k', ports: ['TCP/2'] }));
  assert.equal(book.decide(requestOf('b', { sharing })).refusal, undefined);
});
