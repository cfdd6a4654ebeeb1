// The bench `spread`: how evenly addresses lie on nodes by our placement (src/plan), also after any one node is lost, and
// how many of them move. Beside it what MetalLB's layer-2 mode makes of the same names, computed in the same run.

import { randomBytes } from 'node:crypto';
import type { Bench, BenchCase, Measurement, Outcome, RunOptions } from './bench.ts';
import {
  FairleadSpread,
  type Holders,
  MetalLBSpread,
  type Spread,
  type SpreadNames,
} from './spread-subjects.ts';

const NODES = 10;
const ADDRESSES = 100;

const CASES: readonly BenchCase[] = [
  { name: 'max', shows: 'the most addresses that one node holds; want at most 11' },
  {
    name: 'max-after-loss',
    shows:
      'the same after any one node was lost, each address with its next candidate, nothing planned anew; want at most 12',
  },
  {
    name: 'moved',
    shows: 'addresses that another node holds after a loss and a new plan; one value for each node lost',
  },
  { name: 'must', shows: 'those of them that the lost node held: no more than these have to move' },
  { name: 'moved-back', shows: 'addresses that move when the lost node returns; want 0' },
];

const SUBJECTS: Readonly<Record<string, (names: SpreadNames) => Spread>> = {
  fairlead: (names) => new FairleadSpread(names),
  metallb: (names) => new MetalLBSpread(names),
};

export const spread: Bench = {
  name: 'spread',
  shows: `${ADDRESSES} addresses on ${NODES} nodes, other names in each run; metallb: the hash of its layer-2 mode`,
  cases: CASES,
  runs: 20,
  run,
};

async function run({ runs, cases, onProgress, signal }: RunOptions): Promise<Outcome> {
  const samples = new Map<string, number[]>();
  for (let index = 1; index <= runs; index++) {
    signal.throwIfAborted();
    const names = drawNames();
    for (const [subject, build] of Object.entries(SUBJECTS)) {
      const figures = figuresOf(names.nodes, () => build(names));
      onProgress(
        `run ${index} of ${runs}: ${subject}: ${figures.max}, ${figures['max-after-loss']} after a loss`,
      );
      for (const name of cases) add(samples, `${name} ${subject}`, figures[name] ?? []);
    }
  }
  const measurements = cases.flatMap((name) =>
    Object.keys(SUBJECTS).map((subject): Measurement => {
      return { case: name, subject, unit: 'addresses', samples: samples.get(`${name} ${subject}`) ?? [] };
    }),
  );
  return { apiserver: null, measurements };
}

const add = (samples: Map<string, number[]>, key: string, more: readonly number[]): void =>
  void samples.set(key, [...(samples.get(key) ?? []), ...more]);

/** Names as machines and pools may have them, others at each call. */
function drawNames(): SpreadNames {
  const [second = 0, third = 0] = randomBytes(2);
  return {
    nodes: Array.from({ length: NODES }, () => `node-${randomBytes(4).toString('hex')}`),
    addresses: Array.from({ length: ADDRESSES }, (_, i) => `10.${second}.${third}.${i + 1}`),
  };
}

/** By the name of the case its samples. `build` makes the same spread each time: a loss changes it. */
export function figuresOf(
  nodes: readonly string[],
  build: () => Spread,
): Readonly<Record<string, readonly number[]>> {
  const before = build().holders();
  const losses = nodes.map((lost) => lose(build(), lost));
  return {
    max: [mostOf(before)],
    'max-after-loss': [Math.max(...losses.map(({ most }) => most))],
    moved: losses.map(({ moved }) => moved),
    must: losses.map(({ must }) => must),
    'moved-back': losses.map(({ movedBack }) => movedBack),
  };
}

function lose(subject: Spread, lost: string) {
  const before = subject.holders();
  subject.lose(lost);
  const most = mostOf(subject.holders());
  subject.planAnew();
  const after = subject.holders();
  subject.comeBack(lost);
  subject.planAnew();
  return {
    most,
    moved: differing(before, after),
    must: [...before.values()].filter((node) => node === lost).length,
    movedBack: differing(after, subject.holders()),
  };
}

/** How many addresses the node has that has most of them. */
export function mostOf(holders: Holders): number {
  const byNode = Map.groupBy(holders, ([, node]) => node);
  return Math.max(...Array.from(byNode.values(), (some) => some.length));
}

/** How many addresses have another node. */
export const differing = (before: Holders, after: Holders): number =>
  [...before].filter(([address, node]) => after.get(address) !== node).length;
