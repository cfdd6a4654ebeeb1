// The case `power-off-spread` of the bench `failover`: pods on every node, also on the one that is cut, and what share of
// new connections finds one that answers, second by second.

import { setTimeout as sleep } from 'node:timers/promises';
import { CONNECT_LIMIT, type ConnectAttempt, startTcpProber } from '../lab/tcp-prober.ts';
import { hrNow } from '../lab/witness.ts';
import { type Duration, milliseconds, seconds } from '../src/time/duration.ts';
import type { RunOptions } from './bench.ts';
import { SERVICE_PORTS } from './failover-bed.ts';
import { powerOff, settleAfter, type Trial } from './failover-trial.ts';

export const SPREAD_SECONDS = 60;

/** 50 connections each second. */
const CONNECTING = milliseconds(20);

/** Some must succeed before the cut. */
const WARMING_UP = seconds(2);

export async function spreadAfterCut(trial: Trial, { signal }: RunOptions): Promise<readonly number[]> {
  const { bed, subject, onProgress } = trial;
  const holder = await subject.settle(0);
  const target = { address: subject.address, port: SERVICE_PORTS.tcp, interval: CONNECTING };
  const prober = await startTcpProber(bed.lab.network.client.netns, target);
  try {
    await sleep(WARMING_UP, undefined, { signal });
    const before = hrNow();
    const cutAt = await powerOff(bed, [holder]);
    await sleep(seconds(SPREAD_SECONDS) + CONNECT_LIMIT, undefined, { signal });
    const attempts = await prober.stop();
    const [warm] = shares(attempts, milliseconds(before - CONNECT_LIMIT - 1000), 1);
    const each = shares(attempts, cutAt, SPREAD_SECONDS);
    onProgress(`${subject.name}: ${warm} % before the cut, then each second ${each.join(' ')} %`);
    return each;
  } finally {
    await prober.stop();
    await bed.lab.faults.powerOn(holder);
    await settleAfter(trial, 'power back');
  }
}

/** Of the attempts that began in each second from `from` on: how many in a hundred succeeded. */
export function shares(
  attempts: readonly ConnectAttempt[],
  from: Duration,
  count: number,
): readonly number[] {
  return Array.from({ length: count }, (_, second) => {
    const begun = attempts.filter(({ begunAt }) => Math.floor((begunAt - from) / 1000) === second);
    if (begun.length === 0) throw new Error(`count connections of second ${second}: none was tried`);
    const good = begun.filter(({ connectedAt }) => connectedAt !== undefined);
    return Math.round((good.length / begun.length) * 1000) / 10;
  });
}
