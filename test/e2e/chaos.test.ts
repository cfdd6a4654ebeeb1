// Services are churned at random while two controllers are killed with SIGKILL in turn, the leader is stopped for longer
// than its Lease and resumed, and etcd is restarted: no address is ever given twice, and at the end each Service has what
// it should have, and nothing else is left. FAIRLEAD_CHAOS=full: 300 Services for three minutes instead of a short
// run, which takes more time than npm test gives one file: node --test --test-timeout=900000 test/e2e/chaos.test.ts

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../lab/cluster.ts';
import { mustExec } from '../../lab/exec.ts';
import { PORTS, SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { poolManifest } from '../../lab/pool-manifest.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { ANNOUNCER, LEASE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { type Duration, minutes, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed, type VirtualIPObject } from './bed.ts';
import { ChaosCrowd } from './chaos-crowd.ts';
import { seededRandom } from './seeded-random.ts';

const isFull = process.env.FAIRLEAD_CHAOS === 'full';
const SIZE = isFull
  ? { services: 300, duration: seconds(180), stall: seconds(30), kills: 8 }
  : { services: 60, duration: seconds(36), stall: seconds(20), kills: 2 };
const SEED = Number(process.env.FAIRLEAD_SEED ?? Math.floor(Math.random() * 2 ** 31));
const WORKERS = 10;
/** Elections, Leases and back-offs of minutes may be what the last of the faults has led to. */
const IN_THE_END = minutes(4);

const NAMES = Array.from({ length: SIZE.services }, (_, i) => `chaos-${i + 1}`);
/** The LAN's own subnet has no room for so many addresses. */
const POOL = '10.78.0.0-10.78.7.255';
const CONTROLLERS = ['controller/0', 'controller/1'] as const;

/** What a kubelet does: starts a controller again that has ended, for whatever reason. */
class Kubelet {
  readonly #lab: Lab;
  readonly #forget: () => void;
  readonly #starting = new Set<Promise<unknown>>();

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#forget = lab.processes.onExit(({ target }) => {
      if (target.startsWith('controller/')) this.#restart(target);
    });
  }

  /** Resolves when what it has started is ready. */
  async stop(): Promise<void> {
    while (this.#starting.size > 0) await Promise.all(this.#starting);
    this.#forget();
  }

  #restart(target: string): void {
    // One that ends again before it is ready, without an API, is told of by its exit.
    const started = sleep(seconds(1))
      .then(() => this.#lab.faults.start(target))
      .catch(() => undefined)
      .finally(() => this.#starting.delete(started));
    this.#starting.add(started);
  }
}

async function leaderOf(lab: Lab): Promise<string> {
  const ref = { namespace: SYSTEM_NAMESPACE, name: 'fairlead-controller' };
  const { spec } = await lab.api.get<KubeObject & { spec: { holderIdentity?: string } }>(LEASE, ref);
  const port = Number(spec.holderIdentity?.split(':').at(-1));
  const target = CONTROLLERS[port - PORTS.controller];
  assert.ok(target, `the Lease is held by "${spec.holderIdentity}"`);
  return target;
}

/** Kills, the stale leader and etcd's restart, spread over the time; resolves when all have happened. */
async function makeTrouble(lab: Lab, duration: Duration, tell: (line: string) => void): Promise<void> {
  const { faults, processes } = lab;
  const pause = (): Promise<unknown> => sleep((duration - SIZE.stall) / (SIZE.kills + 2));
  const kill = async (index: number): Promise<void> => {
    const target = CONTROLLERS[index % CONTROLLERS.length] ?? CONTROLLERS[0];
    if (processes.get(target)?.state !== 'Running') return tell(`${target} is not there to be killed`);
    await faults.kill(target);
    tell(`${target} killed`);
  };
  for (let index = 0; index < SIZE.kills; index++) {
    await pause();
    await kill(index);
  }
  await pause();
  const stale = await lab.waitFor('a leader', () => leaderOf(lab), minutes(1));
  await faults.stall(stale);
  tell(`${stale} leads and is stopped`);
  await sleep(SIZE.stall / 2);
  await faults.kill('etcd');
  await faults.start('etcd');
  tell('etcd restarted');
  await sleep(SIZE.stall / 2);
  await faults.resume(stale);
  tell(`${stale} resumed; ${await lab.waitFor('a leader', () => leaderOf(lab), minutes(1))} leads`);
}

/** Nodes, and the client that asks them, get an address in the pool's subnet. */
async function joinSubnet({ network, api, waitFor }: Lab): Promise<void> {
  const hosts = [network.client, ...network.nodes];
  const addresses = hosts.map((_, index) => `10.78.255.${index + 1}/16`);
  for (const [index, { netns }] of hosts.entries())
    await mustExec(['ip', '-n', netns, 'address', 'add', addresses[index] ?? '', 'dev', 'eth0']);
  const haveIt = async (): Promise<boolean> => {
    const announcers = JSON.stringify(await api.list(ANNOUNCER));
    return addresses.slice(1).every((address) => announcers.includes(address));
  };
  await waitFor('all agents to report the subnet', haveIt, SOON);
}

describe('chaos', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-chaos', nodes: 3, controllers: 2, kubeProxy: false });
  let crowd: ChaosCrowd;

  test('no address is given twice while everything fails', async (t) => {
    const { lab } = bed();
    t.diagnostic(`FAIRLEAD_SEED=${SEED}, ${SIZE.services} Services, ${SIZE.duration / 1000} s`);
    await joinSubnet(lab);
    await lab.apply(poolManifest('chaos', [POOL]));
    crowd = new ChaosCrowd(bed(), NAMES, seededRandom(SEED));
    const kubelet = new Kubelet(lab);
    const stop = new AbortController();
    const doubles = new Set<string>();
    // While etcd is away there is nothing to be read.
    const look = (): Promise<void> => crowd.doubles().then(note, () => undefined);
    const note = (found: readonly string[]): void => {
      for (const double of found) doubles.add(double);
    };
    const timer = setInterval(look, 500);
    const began = performance.now();
    const tell = (line: string): void =>
      t.diagnostic(`${((performance.now() - began) / 1000).toFixed(1)} s: ${line}`);
    try {
      const churning = crowd.churn(WORKERS, stop.signal);
      await Promise.race([makeTrouble(lab, SIZE.duration, tell), churning]);
      stop.abort();
      await churning;
      await kubelet.stop();
    } finally {
      stop.abort();
      clearInterval(timer);
    }
    tell(`changes: ${Array.from(crowd.changes, ([kind, times]) => `${times} ${kind}`).join(', ')}`);
    assert.deepEqual([...doubles], []);
  });

  test('in the end each Service has what it should have, and nothing is left over', async (t) => {
    const began = performance.now();
    const isRight = async (): Promise<boolean> => {
      const found = await crowd.differences();
      if (found.length > 0) throw new Error(`${found.length} differences: ${found.slice(0, 10).join('; ')}`);
      return true;
    };
    await bed().lab.waitFor('everything to be right', isRight, IN_THE_END);
    t.diagnostic(
      `all right after ${((performance.now() - began) / 1000).toFixed(1)} s, ${crowd.served().length} served`,
    );
    assert.ok(crowd.served().length > SIZE.services / 4, 'too few are left to say anything');
  });

  test('each address is answered for by its holder alone', async () => {
    const virtualIPs = await bed().lab.api.list<VirtualIPObject>(VIRTUAL_IP);
    assert.equal(virtualIPs.length, crowd.served().length);
    const wanted = virtualIPs.map(
      ({ spec, status }) => `${spec.address} ${bed().macOf(status?.holder ?? '')}`,
    );
    const answered: string[] = [];
    const asking = virtualIPs.values();
    const ask = async (): Promise<void> => {
      for (const { spec } of asking) answered.push(`${spec.address} ${await bed().answerers(spec.address)}`);
    };
    await Promise.all(Array.from({ length: 30 }, ask));
    assert.deepEqual(answered.sort(), wanted.sort());
  });

  test('every Service is deleted completely', async () => {
    await crowd.disperse();
    const isEmpty = async (): Promise<boolean> =>
      (await crowd.differences()).length === 0 && (await bed().lab.api.list(VIRTUAL_IP)).length === 0;
    await bed().lab.waitFor('nothing to be left', isEmpty, IN_THE_END);
  });
});
