// The judge on the LAN: it sees one answerer, two and none for what they are, by kernels that answer for an address.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { describeStretches } from '../../lab/answer-record.ts';
import { mustExec } from '../../lab/exec.ts';
import type { LabNode } from '../../lab/network.ts';
import { waitFor } from '../../lab/wait.ts';
import { hrNow, startWitness, type Witness } from '../../lab/witness.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { DEADLINE, networkFor } from './bed.ts';

const needs = requirement('lab', 'program:tcpdump', 'program:arping');
const ADDRESS = '10.77.0.50';

const change = (node: LabNode, action: 'add' | 'delete'): Promise<string> =>
  mustExec(['ip', '-n', node.netns, 'address', action, `${ADDRESS}/32`, 'dev', 'eth0']);

async function witnessOf(t: TestContext): Promise<{ nodes: readonly LabNode[]; witness: Witness }> {
  const network = await networkFor(t, 2);
  const witness = await startWitness(network, { addresses: [ADDRESS], interval: milliseconds(5) });
  t.after(() => witness.stop());
  return { nodes: network.nodes, witness };
}

test('one, two and no answerers are told apart, with their times', needs, async (t) => {
  const { nodes, witness } = await witnessOf(t);
  const [first, second] = nodes;
  assert.ok(first && second);
  const from = hrNow();
  /** Until that many questions in a row had these answers; then what had others before is over. */
  const until = (wanted: string): Promise<unknown> =>
    waitFor(
      wanted,
      () => {
        const last = witness.judge(ADDRESS, from).stretches.filter(({ to, from: began }) => to - began > 60);
        return describeStretches(last.slice(-1), (mac) => witness.nameOf(mac)).startsWith(`${wanted} `);
      },
      DEADLINE,
    );
  await until('nobody');
  await change(first, 'add');
  await until('node1');
  assert.equal(await witness.untilHeld(ADDRESS, milliseconds(100), DEADLINE), 'node1');
  await change(second, 'add');
  await until('node1 and node2');
  await waitFor('no single holder', () => witness.holder(ADDRESS, milliseconds(20)) === undefined, DEADLINE);
  await change(first, 'delete');
  await until('node2');
  assert.equal(await witness.untilAnother(ADDRESS, 'node1', DEADLINE), 'node2');
  const { nobody, several, stretches } = witness.judge(ADDRESS, from);
  t.diagnostic(describeStretches(stretches, (mac) => witness.nameOf(mac)));
  assert.ok(nobody >= 60 && several >= 60);
});

test('it hears what is announced', needs, async (t) => {
  const { nodes, witness } = await witnessOf(t);
  const [node] = nodes;
  assert.ok(node);
  await change(node, 'add');
  const before = hrNow();
  await mustExec(['ip', 'netns', 'exec', node.netns, 'arping', '-U', '-c1', '-w1', '-I', 'eth0', ADDRESS]);
  const [heard] = await waitFor(
    'an announcement',
    () => witness.announcements.length > 0 && witness.announcements,
    DEADLINE,
  );
  assert.deepEqual([heard?.address, heard?.mac], [ADDRESS, node.mac]);
  assert.ok(heard && heard.at > before && heard.at < hrNow(), 'the time is of the shared clock');
  assert.throws(() => witness.judge('10.77.0.51', before, hrNow()), /asks for 10\.77\.0\.50 only/);
});
