// What becomes of an address in every fault of the lab, judged by a witness at the bridge: who answers ARP for it, for
// how long nobody does and for how long more than one. Where a fault moves the address, another node must answer; where
// it does not, nothing may happen; and when the fault is over, one node answers.

import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeStretches, type Verdict } from '../../lab/answer-record.ts';
import type { Faults } from '../../lab/faults.ts';
import { untilSettled } from '../../lab/settled.ts';
import { hrNow, startWitness, type Witness } from '../../lab/witness.ts';
import { type Duration, milliseconds, minutes, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type Bed, SOON, useBed } from './bed.ts';

const ADDRESS = '10.77.0.50';

/** Three times what a take-over takes at most while Leases tell who is dead. */
const TAKE_OVER = minutes(1);
/** How long an address that must stay is watched. */
const WATCHED = seconds(5);
/** How long two may answer after a fault that kept them apart; the figure itself is the bench's. */
const TOGETHER = seconds(30);
/** A question more or less in which the answer came too late, on a busy machine. */
const HARDLY = milliseconds(250);

interface FaultCase {
  readonly name: string;
  readonly begin: (faults: Faults, holder: string, others: readonly string[]) => Promise<unknown>;
  readonly end: (faults: Faults, holder: string, others: readonly string[]) => Promise<unknown>;
  /** `moves`: another node answers. `leaves`: likewise, and somebody always answers. `stays`: nothing happens. */
  readonly address: 'moves' | 'leaves' | 'stays';
  /** Whether the old holder goes on answering the witness, so that two answer for as long as the fault lasts. */
  readonly isSplit?: boolean;
}

const agent = (node: string): string => `agent/${node}`;
const apart = (holder: string, others: readonly string[]): string => `${holder}|${[...others, 'cp'].join()}`;

const CASES: readonly FaultCase[] = [
  {
    name: 'power-off',
    begin: (faults, holder) => faults.powerOff(holder),
    end: (faults, holder) => faults.powerOn(holder),
    address: 'moves',
  },
  {
    name: 'link-down',
    begin: (faults, holder) => faults.linkDown(holder),
    end: (faults, holder) => faults.linkUp(holder),
    address: 'moves',
  },
  {
    name: 'mute',
    begin: (faults, holder) => faults.mute(holder),
    end: (faults, holder) => faults.healMute(holder),
    address: 'moves',
  },
  {
    name: 'deaf',
    begin: (faults, holder) => faults.deaf(holder),
    end: (faults, holder) => faults.healDeaf(holder),
    address: 'moves',
  },
  {
    name: 'kill',
    begin: (faults, holder) => faults.kill(agent(holder)),
    end: (faults, holder) => faults.start(agent(holder)),
    address: 'moves',
  },
  {
    name: 'stall',
    begin: (faults, holder) => faults.stall(agent(holder)),
    end: (faults, holder) => faults.resume(agent(holder)),
    address: 'moves',
  },
  {
    name: 'partition from the other nodes and the API',
    begin: (faults, holder, others) => faults.partition(apart(holder, others)),
    end: (faults, holder, others) => faults.healPartition(apart(holder, others)),
    address: 'moves',
    isSplit: true,
  },
  {
    name: 'hang-main',
    begin: (faults, holder) => faults.hangMain(agent(holder)),
    end: (faults, holder) => faults.healMain(agent(holder)),
    address: 'leaves',
  },
  {
    name: 'isolate-api',
    begin: (faults, holder) => faults.isolateApi(holder),
    end: (faults, holder) => faults.healApi(holder),
    address: 'stays',
  },
  {
    name: 'an API server that is killed',
    begin: (faults) => faults.kill('apiserver'),
    end: (faults) => faults.start('apiserver'),
    address: 'stays',
  },
  {
    name: 'oneway, to one of two nodes',
    begin: (faults, holder, [other = '']) => faults.oneway(holder, other),
    end: (faults, holder, [other = '']) => faults.healOneway(holder, other),
    address: 'stays',
  },
  {
    name: 'oneway, from one of two nodes',
    begin: (faults, holder, [other = '']) => faults.oneway(other, holder),
    end: (faults, holder, [other = '']) => faults.healOneway(other, holder),
    address: 'stays',
  },
  {
    name: 'loss of every twentieth frame',
    begin: (faults, holder) => faults.loss(holder, 5),
    end: (faults, holder) => faults.healLoss(holder),
    address: 'stays',
  },
  {
    name: 'power-off of another node',
    begin: (faults, _, [other = '']) => faults.powerOff(other),
    end: (faults, _, [other = '']) => faults.powerOn(other),
    address: 'stays',
  },
];

describe('failover', requirement('cluster', 'program:tcpdump'), () => {
  const bed = useBed({ name: 'e2e-failover', nodes: 3, hangable: true, kubeProxy: false });
  let witness: Witness;

  before(async () => {
    const { lab } = bed();
    await bed().create({ name: 'shop' });
    assert.equal(await bed().addressOf('shop'), ADDRESS);
    witness = await startWitness(lab.network, { addresses: [ADDRESS], interval: milliseconds(5) });
    await witness.untilHeld(ADDRESS, milliseconds(500), SOON);
  });
  after(() => witness?.stop());

  for (const each of CASES) {
    const title = {
      moves: 'moves the address',
      leaves: 'moves it without a silent moment',
      stays: 'moves nothing',
    };
    test(`${each.name} ${title[each.address]}`, (t) => play(t, { bed: bed(), witness, each }));
  }
});

interface Play {
  readonly bed: Bed;
  readonly witness: Witness;
  readonly each: FaultCase;
}

async function play(t: TestContext, { bed, witness, each }: Play): Promise<void> {
  const { faults, network } = bed.lab;
  const settle = (healedAt: number): Promise<string> =>
    untilSettled({ lab: bed.lab, witness, address: ADDRESS, nodes: network.nodes, healedAt });
  const holder = await settle(0);
  const others = network.nodes.map(({ name }) => name).filter((name) => name !== holder);
  const begun = hrNow();
  let healed: Duration;
  try {
    await each.begin(faults, holder, others);
    if (each.address !== 'stays') await witness.untilAnother(ADDRESS, holder, TAKE_OVER);
    await sleep(each.address === 'stays' ? WATCHED : milliseconds(500));
  } finally {
    healed = hrNow();
    await each.end(faults, holder, others);
  }
  const during = witness.judge(ADDRESS, begun, healed);
  const next = await settle(Date.now());
  const afterwards = witness.judge(ADDRESS, healed);
  t.diagnostic(`during the fault: ${tell(witness, during)}`);
  t.diagnostic(`afterwards: ${tell(witness, afterwards)}`);
  assertDuring(each, during);
  assert.equal(next === holder, each.address === 'stays', `${next} holds what ${holder} held`);
  assert.ok(afterwards.longestNobody < HARDLY, 'nobody answered when the fault was over');
  assert.ok(afterwards.several < TOGETHER, 'two answered for too long');
}

function assertDuring({ address, isSplit }: FaultCase, { longestNobody, several }: Verdict): void {
  if (address === 'moves') assert.ok(longestNobody < TAKE_OVER);
  else assert.ok(longestNobody < HARDLY, `nobody answered for ${longestNobody} ms`);
  if (isSplit !== true) assert.ok(several < HARDLY, `two answered for ${several} ms`);
}

const tell = (witness: Witness, { nobody, several, stretches }: Verdict): string =>
  `nobody ${nobody.toFixed(0)} ms, several ${several.toFixed(0)} ms: ` +
  describeStretches(stretches, (mac) => witness.nameOf(mac));
