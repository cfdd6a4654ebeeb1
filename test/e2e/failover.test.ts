// What becomes of an address in every fault of the lab, judged by a witness at the bridge: who answers ARP for it, for
// how long nobody does and for how long more than one. Where a fault moves the address, another node must answer; where
// it does not, nothing may happen; and when the fault is over, one node answers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, type TestContext, test } from 'node:test';
import { describeStretches, type Verdict } from '../../lab/answer-record.ts';
import { FAULT_CASES, type FaultBed, type FaultCase, playFault, TAKE_OVER } from '../../lab/fault-cases.ts';
import { startWitness, type Witness } from '../../lab/witness.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed } from './bed.ts';

const ADDRESS = '10.77.0.50';

/** How long two may answer after a fault that kept them apart; the figure itself is the bench's. */
const TOGETHER = seconds(30);
/** A question more or less in which the answer came too late, on a busy machine. */
const HARDLY = milliseconds(250);

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

  for (const each of FAULT_CASES) {
    const title = {
      moves: 'the address moves',
      leaves: 'it moves without a silent moment',
      stays: 'nothing moves',
    };
    test(`${each.name}: ${each.shows}, and ${title[each.address]}`, (t) =>
      play(t, each, { lab: bed().lab, witness, address: ADDRESS }));
  }
});

async function play(t: TestContext, each: FaultCase, bed: FaultBed): Promise<void> {
  const logs = agentLogs(bed);
  const { holder, next, during, afterwards } = await playFault(bed, each);
  t.diagnostic(`during the fault: ${tell(bed.witness, during)}`);
  t.diagnostic(`afterwards: ${tell(bed.witness, afterwards)}`);
  if ((next === holder) !== (each.address === 'stays')) t.diagnostic(logs());
  assertDuring(each, during);
  assert.equal(next === holder, each.address === 'stays', `${next} holds what ${holder} held`);
  assert.ok(afterwards.longestNobody < HARDLY, 'nobody answered when the fault was over');
  assert.ok(afterwards.several < TOGETHER, 'two answered for too long');
}

/** Returns what tells all that the agents have logged since now. */
function agentLogs({ lab: { processes, network } }: FaultBed): () => string {
  const files = network.nodes.map(({ name }) => processes.logFileOf(`agent/${name}`));
  const lengths = files.map((file) => readFileSync(file).length);
  return () =>
    files.map((file, i) => `${file}:\n${readFileSync(file).toString('utf8', lengths[i])}`).join('\n');
}

function assertDuring({ address, isSplit }: FaultCase, { longestNobody, several }: Verdict): void {
  if (address === 'moves') assert.ok(longestNobody < TAKE_OVER);
  else assert.ok(longestNobody < HARDLY, `nobody answered for ${longestNobody} ms`);
  if (isSplit !== true) assert.ok(several < HARDLY, `two answered for ${several} ms`);
}

const tell = (witness: Witness, { nobody, several, stretches }: Verdict): string =>
  `nobody ${nobody.toFixed(0)} ms, several ${several.toFixed(0)} ms: ` +
  describeStretches(stretches, (mac) => witness.nameOf(mac));
