// Every fault of the lab as it befalls the node that holds an address, with what is to become of the address; and how
// one is played and judged by a witness at the bridge. For the end-to-end test and for the bench that reports the times.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Duration, milliseconds, minutes, seconds } from '../src/time/duration.ts';
import type { Verdict } from './answer-record.ts';
import type { Lab } from './cluster.ts';
import type { Faults } from './faults.ts';
import { untilSettled } from './settled.ts';
import { hrNow, type Witness } from './witness.ts';

/** Three times what a take-over takes at most while Leases tell who is dead. */
export const TAKE_OVER = minutes(1);
/** How long an address that must stay is watched. */
const WATCHED = seconds(5);
/** How long the fault goes on when another node has taken the address. */
const FOLLOWED = milliseconds(500);

export interface FaultCase {
  readonly name: string;
  readonly shows: string;
  readonly begin: (faults: Faults, holder: string, others: readonly string[]) => Promise<unknown>;
  readonly end: (faults: Faults, holder: string, others: readonly string[]) => Promise<unknown>;
  /** `moves`: another node answers. `leaves`: likewise, and somebody always answers. `stays`: nothing happens. */
  readonly address: 'moves' | 'leaves' | 'stays';
  /** Whether the old holder goes on answering the witness, so that two answer for as long as the fault lasts. */
  readonly isSplit?: boolean;
}

const agent = (node: string): string => `agent/${node}`;
const apart = (holder: string, others: readonly string[]): string => `${holder}|${[...others, 'cp'].join()}`;

export const FAULT_CASES: readonly FaultCase[] = [
  {
    name: 'power-off',
    shows: 'the holder loses its power, or its switch port',
    begin: (faults, holder) => faults.powerOff(holder),
    end: (faults, holder) => faults.powerOn(holder),
    address: 'moves',
  },
  {
    name: 'link-down',
    shows: "the carrier of the holder's link goes away",
    begin: (faults, holder) => faults.linkDown(holder),
    end: (faults, holder) => faults.linkUp(holder),
    address: 'moves',
  },
  {
    name: 'mute',
    shows: 'nothing that the holder sends arrives',
    begin: (faults, holder) => faults.mute(holder),
    end: (faults, holder) => faults.healMute(holder),
    address: 'moves',
  },
  {
    name: 'deaf',
    shows: 'nothing arrives at the holder',
    begin: (faults, holder) => faults.deaf(holder),
    end: (faults, holder) => faults.healDeaf(holder),
    address: 'moves',
  },
  {
    name: 'kill',
    shows: "the holder's agent is killed and started again",
    begin: (faults, holder) => faults.kill(agent(holder)),
    end: (faults, holder) => faults.start(agent(holder)),
    address: 'moves',
  },
  {
    name: 'stall',
    shows: "the holder's agent is stopped (SIGSTOP)",
    begin: (faults, holder) => faults.stall(agent(holder)),
    end: (faults, holder) => faults.resume(agent(holder)),
    address: 'moves',
  },
  {
    name: 'partition',
    shows: 'the holder is parted from the other nodes and the API, not from the clients',
    begin: (faults, holder, others) => faults.partition(apart(holder, others)),
    end: (faults, holder, others) => faults.healPartition(apart(holder, others)),
    address: 'moves',
    isSplit: true,
  },
  {
    name: 'hang-main',
    shows: "the main thread of the holder's agent hangs",
    begin: (faults, holder) => faults.hangMain(agent(holder)),
    end: (faults, holder) => faults.healMain(agent(holder)),
    address: 'leaves',
  },
  {
    name: 'isolate-api',
    shows: 'the holder does not reach the API',
    begin: (faults, holder) => faults.isolateApi(holder),
    end: (faults, holder) => faults.healApi(holder),
    address: 'stays',
  },
  {
    name: 'api-killed',
    shows: 'the API server is killed',
    begin: (faults) => faults.kill('apiserver'),
    end: (faults) => faults.start('apiserver'),
    address: 'stays',
  },
  {
    name: 'oneway-to',
    shows: 'one of two nodes does not hear the holder',
    begin: (faults, holder, [other = '']) => faults.oneway(holder, other),
    end: (faults, holder, [other = '']) => faults.healOneway(holder, other),
    address: 'stays',
  },
  {
    name: 'oneway-from',
    shows: 'the holder does not hear one of two nodes',
    begin: (faults, holder, [other = '']) => faults.oneway(other, holder),
    end: (faults, holder, [other = '']) => faults.healOneway(other, holder),
    address: 'stays',
  },
  {
    name: 'loss',
    shows: 'every twentieth frame of the holder is lost',
    begin: (faults, holder) => faults.loss(holder, 5),
    end: (faults, holder) => faults.healLoss(holder),
    address: 'stays',
  },
  {
    name: 'other-power-off',
    shows: 'another node loses its power',
    begin: (faults, _, [other = '']) => faults.powerOff(other),
    end: (faults, _, [other = '']) => faults.powerOn(other),
    address: 'stays',
  },
];

export interface FaultBed {
  readonly lab: Lab;
  readonly witness: Witness;
  readonly address: string;
}

export interface FaultReport {
  /** Who held the address before, and who holds it when all is well again. */
  readonly holder: string;
  readonly next: string;
  readonly during: Verdict;
  readonly afterwards: Verdict;
}

/** Begins a fault on the holder of a settled lab, ends it when it has had its effect, and waits until all is well. */
export async function playFault({ lab, witness, address }: FaultBed, each: FaultCase): Promise<FaultReport> {
  const { faults, network } = lab;
  const settle = (healedAt: number): Promise<string> =>
    untilSettled({ lab, witness, address, nodes: network.nodes, healedAt });
  const holder = await settle(0);
  const others = network.nodes.map(({ name }) => name).filter((name) => name !== holder);
  const begun = hrNow();
  let healed: Duration;
  try {
    await each.begin(faults, holder, others);
    if (each.address !== 'stays') await witness.untilAnother(address, holder, TAKE_OVER);
    await sleep(each.address === 'stays' ? WATCHED : FOLLOWED);
  } finally {
    healed = hrNow();
    await each.end(faults, holder, others);
  }
  const during = witness.judge(address, begun, healed);
  const next = await settle(Date.now());
  return { holder, next, during, afterwards: witness.judge(address, healed) };
}
