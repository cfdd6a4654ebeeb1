// The rights that a controller needs to lead taken away in turn, on the real API server: it must not go on without the
// Lease, so it ends, is started anew, and leads again when it has the right back.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { LEASE } from '../../src/kube/kinds.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed } from './bed.ts';
import { LEADER_RIGHTS, type Right, rightsOf, titleOf } from './rights.ts';
import { type Exercise, RightsBed, removeIfThere, systemRef } from './rights-bed.ts';

/** A leader knows the Lease that it renews, until a renewal is refused. */
const failRenewal: Exercise = async ({ bed }) => {
  const path = /\/leases\/fairlead-controller/;
  bed.lab.proxy.inject({ kind: 'status', status: 409 }, { verb: 'update', path, times: 1 });
};

const removeLeaderLease: Exercise = ({ bed }) => removeIfThere(bed, LEASE, systemRef('fairlead-controller'));

/** It ends with 5 and one line, is started anew as a kubelet does it, and waits for its right. */
const endsAndWaits: Exercise = async ({ bed, said }) => {
  const last = /\n(fairlead: [^\n]*)\n([\s\S]*)$/;
  const isRefusedAgain = () => /"level":"warn".*cannot/.test(last.exec(said())?.[2] ?? '');
  await bed.lab.waitFor('the controller to end and to be refused again', isRefusedAgain, SOON);
  const [, line = '', after = ''] = last.exec(said()) ?? [];
  assert.match(line, /^fairlead: the API refuses what this program needs; .* cannot \w+ resource "leases"/);
  assert.equal(said().split('\nfairlead: ').length, 2, after);
};

const EXERCISES: Readonly<Record<string, Exercise>> = {
  'get leases': failRenewal,
  'create leases': removeLeaderLease,
  // The next renewal is at most 5 s away.
  'update leases': async () => undefined,
};

describe('a leader whose right was taken away', requirement('cluster'), () => {
  const bed = useBed({
    ...{ name: 'e2e-rights-lead', nodes: 2, faultProxy: true, kubeProxy: { minSyncPeriod: '0s' } },
    programArguments: ['--log-level', 'debug'],
  });
  let rights: readonly Right[] = [];
  let rightsBed: RightsBed;
  const exits: (number | null)[] = [];

  before(async () => {
    bed().lab.processes.onExit(({ target, code, wasAsked }) => {
      if (wasAsked) return;
      exits.push(code);
      // As a kubelet does it. What does not become ready is found by the case that waits for it.
      bed()
        .lab.faults.start(target)
        .catch(() => undefined);
    });
    rights = await rightsOf(bed().lab, 'controller');
    rightsBed = new RightsBed(bed(), 'controller');
    await rightsBed.prepare();
  });

  for (const title of LEADER_RIGHTS) {
    test(`to ${title}: ends with 5, says so, and leads again when it has it`, async () => {
      const right = rights.find((one) => titleOf(one) === title);
      const exercise = EXERCISES[title];
      assert.ok(right && exercise);
      exits.length = 0;
      await rightsBed.tryWithout(right, { exercise, meanwhile: endsAndWaits });
      assert.deepEqual(exits, [5]);
    });
  }
});
