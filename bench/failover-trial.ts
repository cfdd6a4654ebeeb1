// One run of one case of the bench `failover`: a fault befalls the node that holds the address while a client probes it,
// and what the client missed is the sample. Each trial leaves everything as it found it, with another holder perhaps.

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeStretches } from '../lab/answer-record.ts';
import { mustExec } from '../lab/exec.ts';
import { type ProbeReply, type Prober, startProber } from '../lab/prober.ts';
import { hrNow } from '../lab/witness.ts';
import { type Duration, milliseconds, seconds } from '../src/time/duration.ts';
import { type FailoverBed, SERVICE_PORTS } from './failover-bed.ts';
import { type FailoverSubject, inMilliseconds } from './failover-subjects.ts';

export interface Trial {
  readonly bed: FailoverBed;
  readonly subject: FailoverSubject;
  readonly onProgress: (line: string) => void;
}

const PROBING = milliseconds(2);
/** Answers before the fault, so that the way is known to be good. */
const WARMED_UP = 50;
const WARMING_LIMIT = seconds(30);

/** An address that nobody has taken over in this time counts as silent for all of it. */
export const PATIENCE = seconds(30);

/** How long it is watched after it is answered again. */
const AFTERWARDS = milliseconds(500);

export interface CutOptions {
  /** Further machines that lose their power in the same moment. */
  readonly also?: readonly string[];
  /** What else is done before, and is put right afterwards; it may name a namespace to probe from, not the client's. */
  readonly before?: () => Promise<{ readonly from: string } | undefined>;
  readonly after?: () => Promise<void>;
}

/** Silent power-off of the holder: from the cut to the first answer to a probe sent after it. */
export async function cutHolder(trial: Trial, options: CutOptions = {}): Promise<number> {
  const { bed, subject } = trial;
  const holder = await subject.settle(0);
  const machines = [holder, ...(options.also ?? [])];
  const place = await options.before?.();
  const prober = await startProbing(trial, holder, place?.from);
  let cutAt = hrNow();
  try {
    cutAt = await powerOff(bed, machines);
    // What was sent while the port was being closed may have passed it.
    const closed = hrNow();
    const answer = await firstReply(prober, (reply) => reply.sentAt > closed);
    await sleep(AFTERWARDS);
    tell(trial, `${holder} cut`, cutAt);
    return answer === undefined ? PATIENCE : answer.receivedAt - cutAt;
  } finally {
    await prober.stop();
    for (const machine of machines) await bed.lab.faults.powerOn(machine);
    await options.after?.();
    await settleAfter(trial, 'power back');
  }
}

/** In one go: the first moment is that of all. */
export async function powerOff({ lab }: FailoverBed, machines: readonly string[]): Promise<Duration> {
  const reports = await Promise.all(machines.map((machine) => lab.faults.powerOff(machine)));
  return milliseconds(Math.min(...reports.map(({ at }) => inMilliseconds(at))));
}

export interface Harm {
  /** Harms the holder's program; resolves with the moment. */
  readonly begin: (node: string) => Promise<Duration>;
  readonly end: (node: string) => Promise<void>;
}

/** How often the client forgets the holder's hardware address: else the old node's kernel would go on forwarding. */
const FORGETTING = milliseconds(10);

/** The holder's program fails while its node goes on: the longest time without an answer from then on. */
export async function harmHolder(trial: Trial, harm: Harm): Promise<number> {
  const { bed, subject } = trial;
  const holder = await subject.settle(0);
  const prober = await startProbing(trial, holder);
  const forgetting = startForgetting(bed.lab.network.client.netns, subject.address);
  try {
    const at = await harm.begin(holder);
    const isTaken = await bed.witness.untilAnother(subject.address, holder, PATIENCE).then(
      () => true,
      () => false,
    );
    await sleep(AFTERWARDS);
    tell(trial, `${holder} harmed`, at);
    const { replies } = await prober.stop();
    return isTaken ? longestSilence(replies, at) : PATIENCE;
  } finally {
    forgetting();
    await prober.stop();
    await harm.end(holder);
    await settleAfter(trial, 'healed');
  }
}

/** The longest time between two answers of which the later came after `at`. */
export function longestSilence(replies: readonly ProbeReply[], at: Duration): number {
  const times = replies.map(({ receivedAt }) => receivedAt).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, i) => (time > at ? time - (times[i] ?? time) : 0));
  return times.some((time) => time > at) ? Math.max(...gaps) : PATIENCE;
}

/** The holder loses the others and the API, and another takes over: how long both answer when they are together again. */
export async function splitHolder(trial: Trial): Promise<readonly number[]> {
  const { bed, subject, onProgress } = trial;
  const holder = await subject.settle(0);
  const others = bed.candidates.filter(({ name }) => name !== holder).map(({ name }) => name);
  const groups = `${holder}|${[...others, bed.lab.network.controlPlane.name].join()}`;
  const { at } = await bed.lab.faults.partition(groups);
  let isDoubled = false;
  try {
    await bed.witness.untilAnother(subject.address, holder, PATIENCE);
    await sleep(AFTERWARDS);
    isDoubled = bed.witness.judge(subject.address, milliseconds(hrNow() - AFTERWARDS)).several > 0;
    tell(trial, `${holder} apart`, inMilliseconds(at));
  } catch (error) {
    onProgress(`${subject.name}: ${(error as Error).message}`);
  }
  const { at: healed } = await bed.lab.faults.healPartition(groups);
  await settleAfter(trial, 'together again');
  // Where only one answered before, there was nothing to end.
  return isDoubled ? [bed.witness.judge(subject.address, inMilliseconds(healed)).several] : [];
}

async function startProbing(trial: Trial, holder: string, from?: string): Promise<Prober> {
  const { bed, subject } = trial;
  const { client, router } = bed.lab.network;
  await Promise.all([client, router].map(({ netns }) => forget(netns, subject.address)));
  const target = { address: subject.address, port: SERVICE_PORTS.udp, interval: PROBING };
  const prober = await startProber(from ?? client.netns, target);
  try {
    const areComing = (): boolean => prober.replies.length >= WARMED_UP;
    await bed.lab.waitFor(`answers from ${subject.address}`, areComing, WARMING_LIMIT);
    await checkWay(trial, holder, from === undefined ? client.netns : router.netns);
  } catch (error) {
    await prober.stop();
    throw error;
  }
  return prober;
}

/** Every node translates the address, so one whose neighbour is out of date would reach it without its holder. */
async function checkWay({ bed, subject }: Trial, holder: string, netns: string): Promise<void> {
  const entry = await mustExec(['ip', '-n', netns, 'neigh', 'show', 'to', subject.address, 'dev', 'eth0']);
  const mac = /lladdr ([0-9a-f:]{17})/.exec(entry)?.[1] ?? '';
  if (bed.witness.nameOf(mac) !== holder)
    throw new Error(`probe ${subject.address}: the way goes to "${entry.trim()}": want ${holder}`);
}

const forget = (netns: string, address: string): Promise<string> =>
  mustExec(['ip', '-n', netns, 'neigh', 'flush', 'dev', 'eth0', 'to', address]);

/** The first reply that is wanted, or undefined when patience is at its end. */
async function firstReply(
  prober: Prober,
  isWanted: (reply: ProbeReply) => boolean,
): Promise<ProbeReply | undefined> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const found = prober.replies.find(isWanted);
    if (found !== undefined || performance.now() > end) return found;
    await sleep(10);
  }
}

/** Returns what ends it. */
function startForgetting(netns: string, address: string): () => void {
  const argv = ['--pdeathsig', 'KILL', 'ip', '-n', netns, '-force', '-batch', '-'];
  const child = spawn('setpriv', argv, { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.on('error', () => undefined);
  const timer = setInterval(() => void child.stdin.write(`neigh flush dev eth0 to ${address}\n`), FORGETTING);
  return () => {
    clearInterval(timer);
    child.kill('SIGKILL');
  };
}

/** Also tells what the witness saw meanwhile. */
export async function settleAfter(trial: Trial, what: string): Promise<void> {
  const healedAt = Date.now();
  const since = hrNow();
  await trial.subject.settle(healedAt);
  tell(trial, what, since);
}

function tell({ bed, subject, onProgress }: Trial, what: string, since: Duration): void {
  const { nobody, several, stretches } = bed.witness.judge(subject.address, since);
  const times = `nobody ${nobody.toFixed(0)} ms, several ${several.toFixed(0)} ms`;
  const who = describeStretches(stretches, (mac) => bed.witness.nameOf(mac));
  onProgress(`${subject.name}: ${what}: answered by ${times} (${who})`);
}
