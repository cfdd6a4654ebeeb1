// Several Ownership machines over random histories of faults: the API arbitrates, and the rules of ELECTION.md hold.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Counts, OwnershipWorld } from '../../test/arbitrary/ownership-world.ts';

const NODES = ['node1', 'node2', 'node3', 'node4'];
const ADDRESSES = ['10.77.0.50', '10.77.0.51'];

const node = fc.constantFrom(...NODES);
const address = fc.constantFrom(...ADDRESSES);
const candidates = fc.shuffledSubarray(NODES, { minLength: 1 });

/** As data, so that a failing history can be read. */
type Event =
  | readonly ['sync' | 'decide' | 'deliver' | 'crash' | 'start' | 'leave', node: string]
  | readonly ['hang' | 'move' | 'recover' | 'beat' | 'hear' | 'lose', node: string]
  | readonly ['watch', node: string, steps: number]
  | readonly ['tell', node: string, mistaken: readonly string[]]
  | readonly ['plan', address: string, candidates: readonly string[]]
  | readonly ['remove', address: string]
  | readonly ['pass', length: number];

function act(world: OwnershipWorld, event: Event): void {
  switch (event[0]) {
    case 'sync':
      return sync(world, event[1]);
    case 'watch':
      return world.watch(event[1], event[2]);
    case 'tell':
      return world.tell(event[1], event[2]);
    case 'plan':
      return world.plan(event[1], event[2]);
    case 'pass':
      return world.pass(event[1]);
    default:
      return world[event[0]](event[1]);
  }
}

/** The node catches up with everything. */
function sync(world: OwnershipWorld, name: string): void {
  world.watch(name, 99);
  world.tell(name, []);
  for (let count = 0; count < 20; count++) world.deliver(name);
}

const to = <Kind extends string>(kind: Kind) => fc.tuple(fc.constant(kind), node);

/** The ordinary events are more frequent than the faults, so that there is something to disturb. */
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 10, arbitrary: to('sync') },
  { weight: 10, arbitrary: to('decide') },
  { weight: 10, arbitrary: to('deliver') },
  { weight: 4, arbitrary: fc.tuple(fc.constant('watch'), node, fc.nat(3)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('tell'), node, fc.subarray(NODES)) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('pass'), fc.integer({ min: 1, max: 120 })) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('plan'), address, candidates) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('remove'), address) },
  { weight: 1, arbitrary: to('crash') },
  { weight: 2, arbitrary: to('start') },
  { weight: 2, arbitrary: to('leave') },
  { weight: 3, arbitrary: to('hang') },
  { weight: 3, arbitrary: to('move') },
  { weight: 3, arbitrary: to('recover') },
  { weight: 8, arbitrary: to('beat') },
  { weight: 12, arbitrary: to('hear') },
  { weight: 2, arbitrary: to('lose') },
);

const WANTED_COUNTS = [
  'changed',
  'dropped',
  'claim',
  'refused',
  'crash',
  'Released',
  'TakenOver',
  'LostElection',
  'TakenOver while leaving',
  'left',
  'held at rest',
  'held by the last resort',
  'hang',
  'recover',
  'recorded while hanging',
  'refused while hanging',
  'TakenOver while unable',
  'held by one that hangs',
];

test('whatever happens, every address with a living candidate ends held by exactly one node', () => {
  const counts: Counts = new Map();
  const history = fc.array(event, { minLength: 10, maxLength: 120, size: 'max' });
  fc.assert(
    fc.property(history, candidates, candidates, (events, first, second) => {
      const world = new OwnershipWorld(NODES, counts);
      world.plan('10.77.0.50', first);
      world.plan('10.77.0.51', second);
      for (const each of events) act(world, each);
      // Those that hang may hang for ever.
      world.settle();
      world.checkRest();
      world.moveAll();
      world.settle();
      world.checkRest();
    }),
    { numRuns: 2000 },
  );
  // A history in which nothing happened proves nothing.
  for (const what of WANTED_COUNTS)
    assert.ok((counts.get(what) ?? 0) >= 5, `${what}: ${counts.get(what) ?? 0} times`);
});
