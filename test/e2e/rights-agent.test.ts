// Each right of the agent's roles taken away in turn from running agents, on the real API server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import type { KubeObject } from '../../src/kube/api.ts';
import { ANNOUNCER, LEASE } from '../../src/kube/kinds.ts';
import { seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type Bed, SOON, useBed } from './bed.ts';
import { type Right, revoke, rightsOf, titleOf } from './rights.ts';
import {
  conflictOn,
  createService,
  type Exercise,
  type Playground,
  RightsBed,
  relist,
  removeIfThere,
  removeSpare,
  rewatch,
  systemRef,
  type Trial,
} from './rights-bed.ts';

const nodesOf = (bed: Bed): readonly string[] => bed.lab.network.nodes.map(({ name }) => name);

/** A report follows, because less is held. */
const removeAnnouncers: Exercise = async (playground) => {
  const { bed } = playground;
  for (const name of nodesOf(bed)) await removeIfThere(bed, ANNOUNCER, { name });
  await removeSpare(playground);
};

const orphanAnnouncers: Exercise = async (playground) => {
  const { bed } = playground;
  const body = { metadata: { ownerReferences: null } };
  for (const name of nodesOf(bed)) await bed.lab.api.patch(ANNOUNCER, { name }, { type: 'merge', body });
  await removeSpare(playground);
};

/** The node with something new to report makes its Announcer at once, the others do within a minute. */
const announcersThere: Exercise = async ({ bed }) => {
  for (const name of nodesOf(bed)) {
    const isThere = async (): Promise<boolean> =>
      (await bed.lab.api.list<KubeObject>(ANNOUNCER)).some(({ metadata }) => metadata.name === name);
    await bed.lab.waitFor(`the Announcer of ${name} to be there`, isThere, seconds(90));
  }
};

/** Seen at the agent that has something new to report; the others do the same within a minute. */
const hasOwner: Exercise = async ({ bed, later }) => {
  const { holder } = await bed.holding(await bed.addressOf(later));
  await bed.lab.waitFor(
    'the Announcer to have an owner',
    async () => {
      const { metadata } = await bed.lab.api.get<KubeObject>(ANNOUNCER, { name: holder });
      return ((metadata as { ownerReferences?: readonly unknown[] }).ownerReferences ?? []).length === 1;
    },
    SOON,
  );
};

const announcersAsBefore: Exercise = async (playground) => {
  await announcersThere(playground);
  await hasOwner(playground);
};

const removeLeases: Exercise = async ({ bed }) => {
  for (const name of nodesOf(bed)) await removeIfThere(bed, LEASE, systemRef(`fairlead-agent-${name}`));
};

/** The holder of the held address goes and comes back; it can not give its Lease back. */
const stopHolder: Exercise = async ({ bed }: Playground) => {
  const { holder } = await bed.holding(await bed.addressOf('held'));
  const exit = await bed.lab.processes.stop(`agent/${holder}`, seconds(40));
  assert.deepEqual([exit.code, exit.signal], [0, null]);
  await bed.lab.faults.start(`agent/${holder}`);
};

const hasHeartbeats: Exercise = ({ bed, said }) =>
  bed.lab.waitFor('heartbeats to begin', () => said().includes('heartbeats begin'), SOON);

/** Who does not hold the held address starts anew, and reads what heartbeats need. */
const restartOther: Exercise = async ({ bed }) => {
  const { holder } = await bed.holding(await bed.addressOf('held'));
  const other = nodesOf(bed).find((name) => name !== holder);
  await bed.lab.processes.stop(`agent/${other}`, seconds(40));
  // Without heartbeats it is not ready; that it is in the end is looked at when it has its right again.
  bed.lab.faults.start(`agent/${other}`).catch(() => undefined);
};

const TRIALS: Readonly<Record<string, Trial>> = {
  'get virtualips': { exercise: conflictOn(/\/virtualips\/[^/]+\/status/, createService) },
  'list virtualips': { exercise: relist('virtualips') },
  'watch virtualips': { exercise: rewatch('virtualips') },
  'patch virtualips': { exercise: removeSpare },
  'patch virtualips/status': { exercise: createService },
  'create announcers': { exercise: removeAnnouncers, afterwards: announcersThere },
  'patch announcers': { exercise: orphanAnnouncers, afterwards: hasOwner },
  'patch announcers/status': { exercise: removeSpare },
  'get nodes': { exercise: removeAnnouncers, afterwards: announcersAsBefore },
  'get leases': { exercise: removeLeases },
  'list leases': { exercise: relist('leases') },
  'watch leases': { exercise: rewatch('leases') },
  'create leases': { exercise: removeLeases },
  // The next renewal is at most 7 s away.
  'update leases': { exercise: async () => undefined },
  'patch leases': { exercise: stopHolder },
  'get namespaces': { exercise: restartOther, afterwards: hasHeartbeats },
  'get secrets': { exercise: restartOther, afterwards: hasHeartbeats },
};

const RESTARTING: readonly string[] = ['patch leases', 'get namespaces', 'get secrets'];

describe('an agent whose right was taken away', requirement('cluster'), () => {
  const bed = useBed({
    ...{ name: 'e2e-rights-agent', nodes: 2, faultProxy: true, kubeProxy: { minSyncPeriod: '0s' } },
    programArguments: ['--log-level', 'debug'],
  });
  let rights: readonly Right[] = [];
  let rightsBed: RightsBed;
  const pids = (): readonly number[] =>
    bed()
      .lab.processes.list()
      .map(({ pid }) => pid);

  before(async () => {
    rights = await rightsOf(bed().lab, 'agent');
    rightsBed = new RightsBed(bed(), 'agent');
    await rightsBed.prepare();
  });

  test('these are all rights that it has', () => {
    assert.deepEqual(rights.map(titleOf).sort(), Object.keys(TRIALS).sort());
  });

  for (const [title, trial] of Object.entries(TRIALS)) {
    test(`to ${title}: says so, goes on, and is complete again`, async () => {
      const right = rights.find((one) => titleOf(one) === title);
      assert.ok(right);
      const running = pids();
      await rightsBed.tryWithout(right, trial);
      if (!RESTARTING.includes(title)) assert.deepEqual(pids(), running);
    });
  }

  test('to list leases: one that is started anew answers for what it held', async () => {
    const { processes, faults, network } = bed().lab;
    const right = rights.find((one) => titleOf(one) === 'list leases');
    assert.ok(right);
    const address = await bed().addressOf('held');
    const before = await bed().holding(address);
    const target = `agent/${before.holder}`;
    // The other one would take what the killed one held.
    const others = network.nodes
      .filter(({ name }) => name !== before.holder)
      .map(({ name }) => `agent/${name}`);
    await Promise.all(others.map((other) => processes.stop(other)));
    const giveBack = await revoke(bed().lab, 'agent', right);
    const from = readFileSync(processes.logFileOf(target)).length;
    await faults.kill(target);
    const ready = faults.start(target);
    const said = (): string => readFileSync(processes.logFileOf(target)).toString('utf8', from);
    await bed().lab.waitFor(
      'the refusal',
      () => /"level":"warn".*cannot list resource .*leases/.test(said()),
      SOON,
    );
    const mac = bed().macOf(before.holder);
    const isAnswered = async () => String(await bed().answerers(address)) === mac;
    await bed().lab.waitFor('the holder to answer again', isAnswered, SOON);
    await bed().answerAt(address);
    await giveBack();
    await ready;
    assert.equal((await bed().holding(address)).holder, before.holder);
    await Promise.all(others.map((other) => faults.start(other)));
  });
});
