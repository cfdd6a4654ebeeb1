// Each right of the controller's roles taken away in turn from a running controller, on the real API server. Those that
// it needs to lead are in rights-leader.test.ts.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { poolManifest } from '../../lab/pool-manifest.ts';
import { ADDRESS_POOL, SECRET, SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed, WEB } from './bed.ts';
import { LEADER_RIGHTS, type Right, rightsOf, titleOf } from './rights.ts';
import {
  conflictOn,
  createService,
  type Exercise,
  RightsBed,
  relist,
  removeIfThere,
  removeSpare,
  rewatch,
  systemRef,
  type Trial,
} from './rights-bed.ts';

const changePorts: Exercise = async ({ bed, spare }) => {
  const operations = [{ op: 'replace', path: '/spec/ports/0/port', value: 8080 }] as const;
  await bed.lab.api.patch(SERVICE, { namespace: WEB, name: spare }, { type: 'json', operations });
};

const changePool: Exercise = async ({ bed, spare }) => {
  await bed.lab.apply(poolManifest(spare, ['10.99.0.1']));
};

/** The same refusal twice: the second is a count in the first event. */
const refuseTwice: Exercise = async ({ bed }) => {
  const name = 'refused';
  await bed.create({ name, spec: { loadBalancerIP: '10.99.9.9' } });
  await bed.event(name, 'SyncLoadBalancerFailed');
  const ref = { namespace: WEB, name };
  const patch = { type: 'merge', body: { status: { conditions: null } } } as const;
  await bed.lab.api.patch(SERVICE, ref, patch, { subresource: 'status' });
};

const removeRefused: Exercise = ({ bed }) => bed.remove('refused');
const removePool: Exercise = ({ bed, spare }) => removeIfThere(bed, ADDRESS_POOL, { name: spare });

/** It looks for the key of the heartbeats as soon as it leads, and then once a minute. */
const restart: Exercise = async ({ bed }) => {
  await bed.lab.processes.restart('controller/0');
};

const restartWithoutKey: Exercise = async (playground) => {
  await removeIfThere(playground.bed, SECRET, systemRef('fairlead-heartbeat'));
  await restart(playground);
};

const hasKey: Exercise = ({ bed }) =>
  bed.lab.waitFor('the heartbeat key', () => bed.lab.api.get(SECRET, systemRef('fairlead-heartbeat')), SOON);

const WATCHED: readonly string[] = [
  'services',
  'namespaces',
  'nodes',
  'addresspools',
  'announcers',
  'virtualips',
  'leases',
  'endpointslices',
];

const RESERVED = '10.77.0.210';

/** A reservation whose last holder is a node that is no more. */
const orphanReservation: Exercise = async ({ bed }) => {
  const spec = { address: RESERVED, family: 'IPv4' };
  const apiVersion = 'fairlead.io/v1alpha1';
  const reservation = { apiVersion, kind: 'VirtualIP', metadata: { name: RESERVED }, spec };
  await bed.lab.apply(reservation);
  const body = { status: { holder: 'ghost', epoch: 1, phase: 'Announced' } };
  const patch = { type: 'merge', body } as const;
  await bed.lab.api.patch(VIRTUAL_IP, { name: RESERVED }, patch, { subresource: 'status' });
};

const reservationWithdrawn: Exercise = async ({ bed }) => {
  const isSo = async () => (await bed.virtualIP(RESERVED)).status?.phase === 'Withdrawn';
  await bed.lab.waitFor('the reservation to be withdrawn', isSo, SOON);
  await bed.lab.api.remove(VIRTUAL_IP, { name: RESERVED });
};

const TRIALS: Readonly<Record<string, Trial>> = {
  'get services': { exercise: conflictOn(/\/services\/[^/]+\/status/, createService) },
  ...Object.fromEntries(
    WATCHED.flatMap((plural) => [
      [`list ${plural}`, { exercise: relist(plural) }],
      [`watch ${plural}`, { exercise: rewatch(plural) }],
    ]),
  ),
  'patch services/status': { exercise: createService },
  'create events': { exercise: createService },
  'patch events': { exercise: refuseTwice, meanwhile: removeRefused },
  'patch addresspools/status': { exercise: changePool, afterwards: removePool },
  'get virtualips': { exercise: conflictOn(/\/virtualips\/[^/]+$/, changePorts) },
  'create virtualips': { exercise: createService },
  'patch virtualips': { exercise: changePorts },
  'delete virtualips': { exercise: removeSpare },
  'patch virtualips/status': { exercise: orphanReservation, afterwards: reservationWithdrawn },
  'get secrets': { exercise: restart, afterwards: hasKey },
  'create secrets': { exercise: restartWithoutKey, afterwards: hasKey },
};

describe('a controller whose right was taken away', requirement('cluster'), () => {
  const bed = useBed({
    ...{ name: 'e2e-rights-ctrl', nodes: 2, faultProxy: true, kubeProxy: { minSyncPeriod: '0s' } },
    programArguments: ['--log-level', 'debug'],
  });
  let rights: readonly Right[] = [];
  let rightsBed: RightsBed;
  let pid: number | undefined;
  const pidNow = (): number | undefined => bed().lab.processes.get('controller/0')?.pid;

  before(async () => {
    rights = await rightsOf(bed().lab, 'controller');
    rightsBed = new RightsBed(bed(), 'controller');
    await rightsBed.prepare();
    pid = pidNow();
  });

  test('these are all rights that it has', () => {
    assert.deepEqual(rights.map(titleOf).sort(), [...Object.keys(TRIALS), ...LEADER_RIGHTS].sort());
  });

  for (const [title, trial] of Object.entries(TRIALS)) {
    test(`to ${title}: says so, and all is done when it has it again`, async () => {
      const right = rights.find((one) => titleOf(one) === title);
      assert.ok(right);
      await rightsBed.tryWithout(right, trial);
      if (right.resource === 'secrets') pid = pidNow();
      assert.equal(pidNow(), pid);
    });
  }
});
