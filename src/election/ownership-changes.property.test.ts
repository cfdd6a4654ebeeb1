// A step of the ownership machine looks at what its input names and at what is due. That must be all there is to do: a
// machine that is made to look at everything after each input says and holds the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { milliseconds, seconds } from '../time/duration.ts';
import { type Instant, instant } from '../time/instant.ts';
import { Ownership, type OwnershipInput, type OwnershipOutput, type WantedOwnership } from './ownership.ts';

const NODES = ['node1', 'node2', 'node3'];
const UIDS = ['u1', 'u2', 'u3'];

const uid = fc.constantFrom(...UIDS);
const epoch = fc.nat(6);
const wanted = fc
  .record({
    uid,
    candidates: fc.shuffledSubarray(NODES),
    record: fc.record({ holder: fc.constantFrom(...NODES, undefined), epoch }),
  })
  .map((each): WantedOwnership => ({ ...each, name: each.uid }));
const heard = fc.record({
  uid,
  epoch,
  isRecorded: fc.boolean(),
  isByHung: fc.boolean(),
  winsTies: fc.boolean(),
});

/** What the API says of a claim in flight; `Late`: of one that is not. */
interface Verdict {
  readonly kind: 'verdict';
  readonly uid: string;
  readonly result: 'recorded' | 'refused';
  readonly isLate: boolean;
}
type Event = OwnershipInput | Verdict | { readonly kind: 'pass'; readonly length: number };

const kind = <Kind extends string>(of: Kind) => ({ kind: fc.constant(of) });

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: wantOf() },
  {
    weight: 5,
    arbitrary: fc.record({
      ...kind('verdict'),
      uid,
      result: fc.constantFrom('recorded' as const, 'refused' as const),
      isLate: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ ...kind('pass'), length: fc.nat(80) }) },
  { weight: 3, arbitrary: fc.record({ ...kind('claimed'), claims: fc.array(heard, { maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ ...kind('liveness'), alive: fc.subarray(NODES) }) },
  { weight: 2, arbitrary: fc.record({ ...kind('hung'), nodes: fc.subarray(['node2', 'node3']) }) },
  { weight: 2, arbitrary: fc.record({ ...kind('able'), isAble: fc.boolean() }) },
);

function wantOf(): fc.Arbitrary<OwnershipInput> {
  const addresses = fc.uniqueArray(wanted, { maxLength: 2, selector: (each) => each.uid });
  return fc.record({ ...kind('want'), addresses, dropped: fc.subarray(UIDS) }).map(({ dropped, ...want }) => {
    const uids = want.addresses.map((each) => each.uid);
    // Seldom: else nothing stays for long enough.
    return { ...want, dropped: dropped.length === 1 ? dropped.filter((each) => !uids.includes(each)) : [] };
  });
}

/** Two machines that are told the same, one of them everything each time. */
class Pair {
  readonly #lean = newMachine();
  readonly #full = newMachine();
  readonly #wanted = new Map<string, WantedOwnership>();
  readonly #claims = new Map<string, number>();
  #now: Instant = instant(1000);
  outputs = 0;

  act(each: Event): void {
    if (each.kind === 'pass') this.#pass(each.length);
    else if (each.kind === 'verdict') this.#judge(each);
    else this.#step(each);
  }

  #judge({ uid: of, result, isLate }: Verdict): void {
    const claimed = (this.#claims.get(of) ?? 1) - (isLate ? 1 : 0);
    this.#step({ kind: result, uid: of, epoch: claimed });
  }

  #step(input: OwnershipInput | { readonly kind: 'timeout' }): void {
    if (input.kind === 'want') {
      for (const dropped of input.dropped) this.#wanted.delete(dropped);
      for (const each of input.addresses) this.#wanted.set(each.uid, each);
    }
    const outputs = this.#lean.step(this.#now, input);
    const all: OwnershipInput = { kind: 'want', addresses: [...this.#wanted.values()], dropped: [] };
    const expected = [...this.#full.step(this.#now, input), ...this.#full.step(this.#now, all)];
    assert.deepEqual(byAddress(outputs), byAddress(expected));
    assert.deepEqual(this.#lean.held().toSorted(byUid), this.#full.held().toSorted(byUid));
    for (const each of UIDS) assert.deepEqual(this.#lean.heldOf(each), this.#full.heldOf(each));
    assert.equal(this.#lean.deadline(), this.#full.deadline());
    for (const output of outputs) if (output.kind === 'claim') this.#claims.set(output.uid, output.epoch);
    this.outputs += outputs.length;
  }

  #pass(length: number): void {
    const end = instant(this.#now + length);
    for (let next = this.#lean.deadline(); next !== undefined && next <= end; next = this.#lean.deadline()) {
      assert.ok(next > this.#now, 'a deadline that its step did not serve');
      this.#now = next;
      assert.ok(this.#lean.due(next).length > 0);
      this.#step({ kind: 'timeout' });
    }
    this.#now = end;
  }
}

const newMachine = (): Ownership =>
  new Ownership({
    node: 'node1',
    claimStagger: milliseconds(50),
    recordTrust: milliseconds(300),
    claimTrust: milliseconds(100),
  });

const byUid = (a: { readonly uid: string }, b: { readonly uid: string }): number => (a.uid < b.uid ? -1 : 1);

/** The order of addresses among each other is of no importance. */
const byAddress = (outputs: readonly OwnershipOutput[]): unknown =>
  UIDS.map((of) => outputs.filter((output) => 'uid' in output && output.uid === of));

test('to look at more than what an input names and what is due changes nothing', () => {
  let outputs = 0;
  fc.assert(
    fc.property(fc.array(event, { minLength: 5, maxLength: 80, size: 'max' }), (events) => {
      const pair = new Pair();
      for (const each of events) pair.act(each);
      outputs += pair.outputs;
    }),
    { numRuns: 2000 },
  );
  assert.ok(outputs > 10_000, `${outputs} outputs`);
});

test('a step costs what it names and what is due: of 20,000 that wait a thousand steps look at theirs alone', () => {
  const machine = newMachine();
  let looks = 0;
  const addresses = Array.from({ length: 20_000 }, (_, at) => {
    const candidates = ['node2', 'node3', 'node1'];
    const record = { holder: undefined, epoch: 0 };
    const each = { uid: `u${at}`, name: `u${at}`, record };
    // The decision about an address begins with its candidates.
    return Object.defineProperty({ ...each, candidates }, 'candidates', {
      get: () => {
        looks++;
        return candidates;
      },
    });
  });
  machine.step(instant(0), { kind: 'liveness', alive: NODES });
  machine.step(instant(0), { kind: 'want', addresses, dropped: [] });
  looks = 0;
  for (const { uid: of } of addresses.slice(0, 1000)) {
    const claim = { uid: of, epoch: 1, isRecorded: false, isByHung: false, winsTies: false };
    machine.step(instant(1), { kind: 'claimed', claims: [claim] });
  }
  for (const each of addresses.slice(1000, 2000))
    machine.step(instant(2), { kind: 'want', addresses: [each], dropped: [] });
  assert.equal(looks, 1000, 'those that are left to a claim need none');
  looks = 0;
  assert.equal(machine.step(instant(seconds(1)), { kind: 'timeout' }).length, 2 * 19_000);
  assert.ok(looks >= 20_000, 'nobody is forgotten; who was left to a claim waits anew');
});
