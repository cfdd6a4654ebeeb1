// The case `power-off-1000` of the bench `failover`: the node that is cut holds a thousand addresses. What counts is when
// the last of them is first announced again, as the witness at the bridge hears it; twenty of them are probed besides.

import { setTimeout as sleep } from 'node:timers/promises';
import { mustExec } from '../lab/exec.ts';
import { startProber } from '../lab/prober.ts';
import { waitFor } from '../lab/wait.ts';
import { hrNow } from '../lab/witness.ts';
import type { KubeObject } from '../src/kube/api.ts';
import { VIRTUAL_IP } from '../src/kube/kinds.ts';
import { type Duration, milliseconds, minutes, seconds } from '../src/time/duration.ts';
import type { RunOptions } from './bench.ts';
import { makeRoom, summon } from './crowd.ts';
import { ADDRESSES, type FailoverBed, INTERVAL, SERVICE_PORTS } from './failover-bed.ts';
import { PATIENCE, powerOff, settleAfter, type Trial } from './failover-trial.ts';
import { keepalivedOn, startKeepalived } from './keepalived.ts';
import { statisticsOf } from './statistics.ts';

export const THOUSAND = 1000;

/** The pool of bench/crowd.ts and what keepalived has: all but the nodes' own end of the second subnet. */
export const MANY_ADDRESSES = ['10.78.0.0-10.78.191.255'] as const;
const CLIENT_ADDRESS = '10.78.255.200/16';
const FIRST_OF_KEEPALIVED = { second: 78, third: 128 } as const;

const SAMPLED = 20;
const PROBING = milliseconds(5);
const GATHERING = minutes(5);

/** Announcements of a thousand addresses are repeated for some seconds; those must not be heard after the cut. */
const QUIET = seconds(6);

interface VirtualIP extends KubeObject {
  readonly status?: { readonly holder?: string };
}

/** What was made in each bed: the addresses of Fairlead's crowd. */
const crowds = new WeakMap<FailoverBed, Promise<readonly string[]>>();

export async function cutHolderOfMany(trial: Trial, options: RunOptions): Promise<readonly number[]> {
  const { bed, subject } = trial;
  const crowd = crowds.get(bed) ?? makeCrowd(bed, options);
  crowds.set(bed, crowd);
  const isOurs = subject.name === 'fairlead';
  const addresses = isOurs ? await crowd : keepalivedAddresses();
  if (!isOurs) await keepalivedWith(bed, [ADDRESSES.keepalived, ...addresses]);
  try {
    const holder = await subject.settle(0);
    if (isOurs) await gather(bed, holder, addresses);
    await sleep(QUIET, undefined, { signal: options.signal });
    return await cutAndListen(trial, holder, addresses);
  } finally {
    if (!isOurs) await keepalivedWith(bed, [ADDRESSES.keepalived]);
  }
}

async function makeCrowd(bed: FailoverBed, options: RunOptions): Promise<readonly string[]> {
  const { lab, candidates } = bed;
  await makeRoom(lab, candidates);
  const { netns } = lab.network.client;
  await mustExec(['ip', '-n', netns, 'address', 'add', CLIENT_ADDRESS, 'dev', 'eth0']);
  const { addresses } = await summon(lab, THOUSAND, options);
  return [...addresses.values()];
}

/** 10.78.128.1 and so on. */
const keepalivedAddresses = (): readonly string[] =>
  Array.from({ length: THOUSAND }, (_, i) => {
    const { second, third } = FIRST_OF_KEEPALIVED;
    return `10.${second}.${third + Math.floor(i / 250)}.${(i % 250) + 1}`;
  });

async function keepalivedWith(bed: FailoverBed, addresses: readonly string[]): Promise<void> {
  const { lab, candidates: nodes } = bed;
  await Promise.all(nodes.map(({ name }) => lab.processes.stop(keepalivedOn(name))));
  await startKeepalived(lab, { nodes, addresses, interval: INTERVAL });
}

/** The other agents leave for a while, so that one node holds all; nothing goes back when they return. */
async function gather(
  { lab, candidates }: FailoverBed,
  holder: string,
  addresses: readonly string[],
): Promise<void> {
  const others = candidates.filter(({ name }) => name !== holder).map(({ name }) => `agent/${name}`);
  await Promise.all(others.map((target) => lab.processes.stop(target, GATHERING)));
  const wanted = new Set(addresses);
  const areGathered = async (): Promise<boolean> => {
    const all = await lab.api.list<VirtualIP>(VIRTUAL_IP);
    const held = all.filter(({ metadata, status }) => wanted.has(metadata.name) && status?.holder === holder);
    return held.length === wanted.size;
  };
  await waitFor(`${holder} to hold ${wanted.size} addresses`, areGathered, GATHERING);
  for (const target of others) await lab.faults.start(target);
}

async function cutAndListen(
  trial: Trial,
  holder: string,
  addresses: readonly string[],
): Promise<readonly number[]> {
  const { bed, onProgress, subject } = trial;
  const step = Math.floor(addresses.length / SAMPLED);
  const sampled = addresses.filter((_, index) => index % step === 0).slice(0, SAMPLED);
  const [address = '', ...others] = sampled;
  const target = { address, others, port: SERVICE_PORTS.udp, interval: PROBING };
  const prober = await startProber(bed.lab.network.client.netns, target);
  const answering = (since: Duration): ReadonlyMap<string, number> =>
    new Map(
      prober.replies
        .filter(({ sentAt }) => sentAt > since)
        .toReversed()
        .map((reply) => [reply.address, reply.receivedAt]),
    );
  try {
    await waitFor(
      `${SAMPLED} sampled addresses to answer`,
      () => answering(milliseconds(0)).size === SAMPLED,
      PATIENCE,
    );
    const cutAt = await powerOff(bed, [holder]);
    const closed = hrNow();
    const last = await lastAnnounced(bed, addresses, { since: closed, except: holder });
    await waitFor('the sampled addresses to answer', () => answering(closed).size === SAMPLED, PATIENCE);
    const times = [...answering(closed).values()].map((at) => at - cutAt);
    onProgress(`${subject.name}: ${SAMPLED} sampled: ${JSON.stringify(statisticsOf(times))} ms`);
    return [last - cutAt];
  } finally {
    await prober.stop();
    await bed.lab.faults.powerOn(holder);
    await settleAfter(trial, 'power back');
  }
}

/** When the last of all addresses was first announced by another node. */
function lastAnnounced(
  { witness }: FailoverBed,
  addresses: readonly string[],
  { since, except }: { readonly since: Duration; readonly except: string },
): Promise<Duration> {
  const missing = new Set(addresses);
  let [seen, last] = [0, since];
  const areAllAnnounced = (): Duration | undefined => {
    for (const { at, mac, address } of witness.announcements.slice(seen)) {
      seen++;
      const isNew = at > since && witness.nameOf(mac) !== except;
      if (isNew && missing.delete(address)) last = at;
    }
    return missing.size === 0 ? last : undefined;
  };
  return waitFor(`all ${addresses.length} addresses to be announced`, areAllAnnounced, PATIENCE);
}
