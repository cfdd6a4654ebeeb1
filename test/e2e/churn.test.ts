// Twenty Services are created while every agent and the controller are killed with SIGKILL and started again, once
// each: at the end every Service is reached at an address of its own.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type Bed, useBed, type VirtualIPObject } from './bed.ts';

const SERVICES = 20;
const VICTIMS = ['agent/node1', 'controller/0', 'agent/node2', 'agent/node3'];
/** What is dead comes back after this many more Services. */
const DEAD_FOR = 3;

const NAMES = Array.from({ length: SERVICES }, (_, i) => `churn-${i + 1}`);

/** Kills a victim after every fourth Service and starts it again three Services later. */
async function createWhileKilling(bed: Bed): Promise<void> {
  const { faults } = bed.lab;
  for (const [i, name] of NAMES.entries()) {
    const victim = VICTIMS[i / 4];
    const risen = VICTIMS[(i - DEAD_FOR) / 4];
    if (victim !== undefined) await faults.kill(victim);
    await bed.create({ name });
    if (risen !== undefined) await faults.start(risen);
    // One address in four is awaited, when nothing is dead, so that kills meet the others at all stages.
    if (i % 4 === 3) await bed.addressOf(name, minutes(3));
  }
}

describe('churn', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-churn', nodes: 3, kubeProxy: { minSyncPeriod: '0s' } });

  test('every Service ends reachable at its own address', async () => {
    await createWhileKilling(bed());
    assert.deepEqual(
      bed()
        .lab.processes.list()
        .filter((program) => program.state !== 'Running')
        .map((program) => program.target),
      [],
    );
    const addresses = await Promise.all(NAMES.map((name) => bed().addressOf(name, minutes(5))));
    assert.equal(new Set(addresses).size, SERVICES, `an address was given twice: ${addresses.join(' ')}`);
    for (const address of addresses) await bed().answerAt(address, minutes(5));
  });

  test('each VirtualIP is held by one living node, and is all that there is', async () => {
    const virtualIPs = await bed().lab.api.list<VirtualIPObject>(VIRTUAL_IP);
    assert.equal(virtualIPs.length, SERVICES);
    const check = async (name: string): Promise<void> => {
      const { holder } = await bed().holding(name);
      assert.deepEqual(await bed().answerers(name), [bed().macOf(holder)], name);
    };
    await Promise.all(virtualIPs.map(({ metadata }) => check(metadata.name)));
  });

  test('every Service is deleted completely', async () => {
    await Promise.all(NAMES.map((name) => bed().remove(name)));
    await Promise.all(NAMES.map((name) => bed().serviceGone(name)));
    assert.deepEqual(await bed().lab.api.list(VIRTUAL_IP), []);
  });
});
