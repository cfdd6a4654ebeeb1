// All ways in which a node is asked to give up what it holds, one after another on one lab: each moves the address without a
// moment in which nobody answers and without a lost request, and nothing moves back when it is over. What only looks like
// one, cordon and NotReady, moves nothing.

import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeStretches } from '../../lab/answer-record.ts';
import { longestGap } from '../../lab/prober.ts';
import { STEADY, untilSettled } from '../../lab/settled.ts';
import { hrNow, startWitness, type Witness } from '../../lab/witness.ts';
import { NODE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type Bed, SOON, useBed } from './bed.ts';

const ADDRESS = '10.77.0.50';
/** How long an address that must stay is watched. */
const WATCHED = seconds(3);
/** A question more or less in which the answer came too late, on a busy machine. */
const HARDLY = milliseconds(250);

interface Leaving {
  readonly name: string;
  /** `other` does not hold the address. */
  readonly begin: (bed: Bed, holder: string, other: string) => Promise<unknown>;
  /** Nothing where it ends by itself. */
  readonly end?: (bed: Bed, holder: string) => Promise<unknown>;
  /** `moves`: to another node; `there`: to `other`; `stays`: nothing happens. */
  readonly address: 'moves' | 'there' | 'stays';
}

const changeNode = ({ lab }: Bed, name: string, body: object): Promise<unknown> =>
  lab.api.patch(NODE, { name }, { type: 'merge', body });

const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';
const exclude = (bed: Bed, node: string, value: string | null): Promise<unknown> =>
  changeNode(bed, node, { metadata: { labels: { [EXCLUDE]: value } } });

/** The whole list: nobody else in the lab writes it. */
const taint = (bed: Bed, node: string, ...keys: readonly string[]): Promise<unknown> => {
  const taints = keys.map((key) => ({ key, value: '1764000000', effect: 'NoSchedule' }));
  return changeNode(bed, node, { spec: { taints } });
};

interface Readiness {
  readonly status: string;
  readonly message: string;
}

const READY: Readiness = { status: 'True', message: 'kubelet is posting ready status' };

function report({ lab }: Bed, name: string, { status, message }: Readiness): Promise<unknown> {
  const now = new Date().toISOString();
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const conditions = [{ type: 'Ready', status, reason: 'Lab', message, ...times }];
  const patch = { type: 'merge', body: { status: { conditions } } } as const;
  return lab.api.patch(NODE, { name }, patch, { subresource: 'status' });
}

const CASES: readonly Leaving[] = [
  {
    name: 'the label that excludes it',
    begin: (bed, holder) => exclude(bed, holder, ''),
    end: (bed, holder) => exclude(bed, holder, null),
    address: 'moves',
  },
  {
    name: 'a kubelet that says that it is shutting down',
    begin: (bed, holder) => report(bed, holder, { status: 'False', message: 'node is shutting down' }),
    end: (bed, holder) => report(bed, holder, READY),
    address: 'moves',
  },
  {
    name: 'the taint of the autoscaler',
    begin: (bed, holder) => taint(bed, holder, 'ToBeDeletedByClusterAutoscaler'),
    end: (bed, holder) => taint(bed, holder),
    address: 'moves',
  },
  {
    name: 'SIGTERM to its agent',
    begin: async ({ lab }, holder) => {
      await lab.faults.term(`agent/${holder}`);
      await lab.processes.exited(`agent/${holder}`);
    },
    end: ({ lab }, holder) => lab.faults.start(`agent/${holder}`),
    address: 'moves',
  },
  {
    name: 'a move on request',
    begin: ({ lab }, _, other) => {
      const body = { metadata: { annotations: { 'fairlead.io/move-to': other } } };
      return lab.api.patch(VIRTUAL_IP, { name: ADDRESS }, { type: 'merge', body });
    },
    address: 'there',
  },
  {
    name: 'cordon',
    begin: (bed, holder) => changeNode(bed, holder, { spec: { unschedulable: true } }),
    end: (bed, holder) => changeNode(bed, holder, { spec: { unschedulable: null } }),
    address: 'stays',
  },
  {
    name: 'NotReady',
    begin: (bed, holder) => report(bed, holder, { status: 'False', message: 'container runtime is down' }),
    end: (bed, holder) => report(bed, holder, READY),
    address: 'stays',
  },
];

describe('a node that gives up what it holds', requirement('cluster', 'program:tcpdump'), () => {
  const bed = useBed({ name: 'e2e-drain', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } });
  let witness: Witness;

  before(async () => {
    await bed().create({ name: 'shop' });
    assert.equal(await bed().addressOf('shop'), ADDRESS);
    await bed().answerAt(ADDRESS);
    witness = await startWitness(bed().lab.network, { addresses: [ADDRESS], interval: milliseconds(5) });
    await witness.untilHeld(ADDRESS, milliseconds(500), SOON);
  });
  after(() => witness?.stop());

  for (const each of CASES) {
    const what = each.address === 'stays' ? 'moves nothing' : 'moves the address, and nothing is lost';
    test(`${each.name} ${what}`, (t) => play(t, { bed: bed(), witness, each }));
  }
});

interface Play {
  readonly bed: Bed;
  readonly witness: Witness;
  readonly each: Leaving;
}

async function play(t: TestContext, { bed, witness, each }: Play): Promise<void> {
  const { lab } = bed;
  const { nodes } = lab.network;
  const settle = (healedAt: number) => untilSettled({ lab, witness, address: ADDRESS, nodes, healedAt });
  const holder = await settle(0);
  const other = nodes.map(({ name }) => name).findLast((name) => name !== holder);
  assert.ok(other);
  const prober = await lab.clientUdp({ address: ADDRESS, port: 7, interval: milliseconds(5) });
  await lab.waitFor('answers over UDP', () => prober.replies.length > 50, SOON);
  const begun = hrNow();
  await each.begin(bed, holder, other);
  if (each.address === 'stays') await sleep(WATCHED);
  else await lab.waitFor('another holder', () => isMoved(witness, holder), SOON);
  const next = witness.holder(ADDRESS, milliseconds(500));
  await each.end?.(bed, holder);
  assert.equal(await settle(Date.now()), next, 'nothing moves back');
  const { sent, ...probe } = await prober.stop();
  const verdict = witness.judge(ADDRESS, begun);
  t.diagnostic(
    `${sent} sent, ${probe.replies.length} answered, longest gap ${longestGap({ sent, ...probe }).toFixed(1)} ms; ` +
      describeStretches(verdict.stretches, (mac) => witness.nameOf(mac)),
  );
  assert.equal(sent - probe.replies.length, 0, 'requests were lost');
  assert.ok(verdict.longestNobody < HARDLY, `nobody answered for ${verdict.longestNobody} ms`);
  assert.ok(verdict.several < HARDLY, `two answered for ${verdict.several} ms`);
  assert.equal(next === holder, each.address === 'stays', `${next} holds what ${holder} held`);
  if (each.address === 'there') assert.equal(next, other);
  const { metadata } = await bed.virtualIP(ADDRESS);
  assert.equal(metadata.annotations?.['fairlead.io/move-to'], undefined, 'the wish is gone');
}

function isMoved(witness: Witness, holder: string): boolean {
  const now = witness.holder(ADDRESS, STEADY);
  return now !== undefined && now !== holder;
}
