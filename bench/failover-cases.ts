// The cases of the bench `failover` that share a bed: which fault befalls the holder, and on which bed.

import { addRoutedClient } from '../lab/routed-client.ts';
import { milliseconds } from '../src/time/duration.ts';
import type { RunOptions } from './bench.ts';
import type { FailoverBed, FailoverBedOptions } from './failover-bed.ts';
import { cutHolderOfMany, MANY_ADDRESSES, THOUSAND } from './failover-many.ts';
import { SPREAD_SECONDS, spreadAfterCut } from './failover-spread.ts';
import { inMilliseconds } from './failover-subjects.ts';
import {
  type CutOptions,
  cutHolder,
  type Harm,
  harmHolder,
  splitHolder,
  type Trial,
} from './failover-trial.ts';

export interface FailoverCase {
  readonly name: string;
  readonly shows: string;
  /** Cases with the same one are measured on one bed. */
  readonly bed: FailoverBedOptions;
  /** Where another one is not to be had, or means nothing. Default: both. */
  readonly subjects?: readonly string[];
  /** However many runs are asked for; default: as many. */
  readonly most?: number;
  /** Default: ms. */
  readonly unit?: string;
  /** One run; nothing if there was nothing to measure, which the trial then tells. */
  readonly measure: (trial: Trial, options: RunOptions) => Promise<readonly number[]>;
}

const THREE: FailoverBedOptions = { candidates: 3 };
const THREE_FAST: FailoverBedOptions = { candidates: 3, interval: milliseconds(30) };
const TWO: FailoverBedOptions = { candidates: 2 };
const ROUTED: FailoverBedOptions = { candidates: 3 };
const SPREAD: FailoverBedOptions = { candidates: 3, isSpread: true };
const MANY: FailoverBedOptions = { candidates: 3, translated: MANY_ADDRESSES };

export const FAILOVER_CASES: readonly FailoverCase[] = [
  {
    name: 'power-off',
    shows: 'silent power-off of the holder, three nodes',
    bed: THREE,
    measure: async (trial) => [await cutHolder(trial)],
  },
  {
    name: 'power-off-30ms',
    shows: 'the same with both at 30 ms between heartbeats',
    bed: THREE_FAST,
    measure: async (trial) => [await cutHolder(trial)],
  },
  {
    name: 'power-off-last',
    shows: 'the same with two nodes, of which one is left; the API is elsewhere',
    bed: TWO,
    measure: async (trial) => [await cutHolder(trial)],
  },
  {
    name: 'power-off-last-api',
    shows: 'the same with the API on the node that is cut',
    bed: TWO,
    most: 10,
    measure: async (trial) => [await cutHolder(trial, { also: [trial.bed.lab.network.controlPlane.name] })],
  },
  {
    name: 'power-off-api-down',
    shows: 'the API server was killed before, three nodes',
    bed: THREE,
    most: 10,
    measure: async (trial) => [await cutHolder(trial, withoutApi(trial))],
  },
  {
    name: 'kill',
    shows: "the holder's program is killed; longest silence, the client forgets its neighbour every 10 ms",
    bed: THREE,
    measure: async (trial) => [
      await harmHolder(trial, {
        begin: (node) => trial.subject.kill(node),
        end: (node) => trial.subject.start(node),
      }),
    ],
  },
  {
    name: 'stall',
    shows: "the same with the holder's program stopped (SIGSTOP)",
    bed: THREE,
    measure: async (trial) => [
      await harmHolder(trial, {
        begin: (node) => trial.subject.stall(node),
        end: (node) => trial.subject.resume(node),
      }),
    ],
  },
  {
    name: 'main-hung',
    shows: "the same with the main thread of the holder's agent hung: the worker beside it goes on answering",
    bed: THREE,
    subjects: ['fairlead'],
    measure: async (trial) => [await harmHolder(trial, hungMain(trial))],
  },
  {
    name: 'power-off-spread',
    shows: `share of new connections that succeed in each of the ${SPREAD_SECONDS} s after the cut; pods on all nodes, kube-proxy`,
    bed: SPREAD,
    unit: '%',
    most: 1,
    measure: spreadAfterCut,
  },
  {
    name: 'double',
    shows: 'two answer when a partition ends, seen at the bridge',
    bed: THREE,
    most: 10,
    measure: splitHolder,
  },
  {
    name: 'power-off-routed',
    shows: 'silent power-off of the holder, the client is behind a router (FRR)',
    bed: ROUTED,
    measure: async (trial) => [await cutHolder(trial, behindRouter(trial))],
  },
  {
    name: 'power-off-1000',
    shows: `the cut node holds ${THOUSAND} addresses; the last one's first announcement at the bridge`,
    bed: MANY,
    most: 5,
    measure: cutHolderOfMany,
  },
];

const withoutApi = ({ bed }: Trial): CutOptions => ({
  before: async () => {
    await bed.lab.faults.kill('apiserver');
    return undefined;
  },
  after: async () => {
    await bed.lab.faults.start('apiserver');
  },
});

/** The clients behind the routers of the beds that have one. */
const routedClients = new WeakMap<FailoverBed, Promise<string>>();

const behindRouter = ({ bed }: Trial): CutOptions => ({
  before: async () => {
    const client = routedClients.get(bed) ?? addRoutedClient(bed.lab);
    routedClients.set(bed, client);
    return { from: await client };
  },
});

const hungMain = ({ bed: { lab } }: Trial): Harm => ({
  begin: async (node) => inMilliseconds((await lab.faults.hangMain(`agent/${node}`)).at),
  end: async (node) => {
    await lab.faults.healMain(`agent/${node}`);
  },
});
