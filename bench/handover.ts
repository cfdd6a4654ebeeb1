// The bench `handover`: a node that is asked to leave hands its address over while a client goes on probing, connecting
// and talking. Half a second after the node says that it is done it loses its power, so that nothing of it can help.

import { setTimeout as sleep } from 'node:timers/promises';
import { mustExec } from '../lab/exec.ts';
import { openConnections } from '../lab/open-connections.ts';
import { startProber } from '../lab/prober.ts';
import { startTcpProber } from '../lab/tcp-prober.ts';
import { hrNow } from '../lab/witness.ts';
import { type Duration, milliseconds, seconds } from '../src/time/duration.ts';
import type { Bench, BenchCase, Measurement, Outcome, RunOptions } from './bench.ts';
import { createFailoverBed, type FailoverBed, SERVICE_PORTS } from './failover-bed.ts';
import type { FailoverSubject } from './failover-subjects.ts';
import { DEPARTURES, type Departure } from './handover-departures.ts';
import { refuseAnnouncements } from './lost-announcements.ts';

const OPEN = 20;
const UDP_INTERVAL = milliseconds(2);
const TCP_INTERVAL = milliseconds(20);
const TALKING_INTERVAL = milliseconds(200);
const WARMING_UP = seconds(2);
/** From when the leaver says that it is done until its port is cut. */
const UNTIL_CUT = milliseconds(500);
/** How long clients go on after that. */
const AFTERWARDS = seconds(2);

/** Of the successor: in request and in reply form. */
const FIRST_ANNOUNCEMENT = 2;

interface Variant {
  readonly departure: Departure;
  readonly losesAnnouncement: boolean;
  readonly suffix: string;
}

const VARIANTS: readonly Variant[] = DEPARTURES.flatMap((departure) => [
  { departure, losesAnnouncement: false, suffix: departure.name },
  { departure, losesAnnouncement: true, suffix: `${departure.name}-garp` },
]);

const casesOf = ({ departure, losesAnnouncement, suffix }: Variant): readonly BenchCase[] => {
  const how = `${departure.shows}${losesAnnouncement ? '; the first gratuitous ARP is lost on its way to the client' : ''}`;
  return [
    { name: `lost-probes-${suffix}`, shows: `of 500 UDP probes a second; ${how}` },
    { name: `lost-connects-${suffix}`, shows: `of 50 new connections a second; ${how}` },
    { name: `broken-${suffix}`, shows: `of ${OPEN} open connections; ${how}` },
  ];
};

export const handover: Bench = {
  name: 'handover',
  shows: `an address that its node gives up; the node is cut ${UNTIL_CUT} ms after it is done`,
  cases: VARIANTS.flatMap(casesOf),
  runs: 5,
  run,
};

async function run(options: RunOptions): Promise<Outcome> {
  const isWanted = (variant: Variant): boolean =>
    casesOf(variant).some(({ name }) => options.cases.includes(name));
  const bed = await createFailoverBed({ candidates: 3 }, options);
  try {
    const measurements: Measurement[] = [];
    for (const variant of VARIANTS.filter(isWanted))
      measurements.push(...(await measure(bed, variant, options)));
    return {
      apiserver: { kind: 'kube-apiserver', version: bed.lab.apiserverVersion },
      measurements: measurements.filter((one) => options.cases.includes(one.case) && one.samples.length > 0),
    };
  } finally {
    await bed.down();
  }
}

async function measure(
  bed: FailoverBed,
  variant: Variant,
  options: RunOptions,
): Promise<readonly Measurement[]> {
  const [subject] = bed.subjects;
  if (subject === undefined) throw new Error('hand over: the bed has no subject');
  const losses: Losses[] = [];
  for (let index = 1; index <= options.runs; index++) {
    options.signal.throwIfAborted();
    const loss = await handOver({ bed, subject, variant, onProgress: options.onProgress });
    options.onProgress(
      `${variant.suffix}: run ${index} of ${options.runs}: ${JSON.stringify(loss ?? 'nobody took it')}`,
    );
    if (loss !== undefined) losses.push(loss);
  }
  const row = (name: string, unit: string, pick: (loss: Losses) => number): Measurement => ({
    case: `${name}-${variant.suffix}`,
    subject: subject.name,
    unit,
    samples: losses.map(pick),
  });
  return [
    row('lost-probes', 'probes', ({ probes }) => probes),
    row('lost-connects', 'connects', ({ connects }) => connects),
    row('broken', 'connections', ({ broken }) => broken),
  ];
}

interface Losses {
  readonly probes: number;
  readonly connects: number;
  readonly broken: number;
}

interface HandOver {
  readonly bed: FailoverBed;
  readonly subject: FailoverSubject;
  readonly variant: Variant;
  readonly onProgress: (line: string) => void;
}

/** undefined if nobody took the address over. */
async function handOver({ bed, subject, variant, onProgress }: HandOver): Promise<Losses | undefined> {
  const { lab, candidates } = bed;
  const leaver = await subject.settle(0);
  const successor = candidates.find(({ name }) => name !== leaver)?.name ?? '';
  const context = { lab, address: subject.address, leaver, successor };
  const clients = await startClients(bed, subject.address);
  const refusal = variant.losesAnnouncement
    ? await refuseAnnouncements(lab.network, {
        address: subject.address,
        count: FIRST_ANNOUNCEMENT,
        except: leaver,
      })
    : undefined;
  try {
    const begun = hrNow();
    await variant.departure.begin(context);
    const isDone = await variant.departure.isDone(context);
    if (!isDone) return undefined;
    onProgress(`${variant.suffix}: done after ${(hrNow() - begun).toFixed(0)} ms`);
    await sleep(UNTIL_CUT);
    await lab.faults.powerOff(leaver);
    await sleep(AFTERWARDS);
    await refusal?.check();
    return await clients.losses();
  } finally {
    clients.stop();
    await refusal?.end();
    await lab.faults.powerOn(leaver);
    await variant.departure.undo(context);
    await subject.settle(Date.now());
  }
}

interface Clients {
  losses(): Promise<Losses>;
  stop(): void;
}

async function startClients(bed: FailoverBed, address: string): Promise<Clients> {
  const { netns } = bed.lab.network.client;
  await mustExec(['ip', '-n', netns, 'neigh', 'flush', 'dev', 'eth0', 'to', address]);
  const udp = await startProber(netns, { address, port: SERVICE_PORTS.udp, interval: UDP_INTERVAL });
  const tcp = await startTcpProber(netns, { address, port: SERVICE_PORTS.tcp, interval: TCP_INTERVAL });
  const talking = { address, port: SERVICE_PORTS.tcp, interval: TALKING_INTERVAL, count: OPEN };
  const open = await openConnections(netns, talking);
  await sleep(WARMING_UP);
  const warm = hrNow();
  return {
    losses: async () => {
      const [report, attempts] = await Promise.all([udp.stop(), tcp.stop()]);
      const counted = attempts.filter(({ begunAt }) => begunAt > warm);
      if (counted.length === 0) throw new Error(`connect to ${address}: no connection was tried`);
      return {
        probes: lostProbes(report, warm),
        connects: counted.filter(({ connectedAt }) => connectedAt === undefined).length,
        broken: await open.countBroken(),
      };
    },
    stop: () => {
      open.stop();
      void udp.stop();
      void tcp.stop();
    },
  };
}

interface Probed {
  readonly sent: number;
  readonly replies: readonly { readonly sequence: number; readonly sentAt: Duration }[];
}

/** Of all that were sent after the first one since `from` that was answered. */
export function lostProbes({ sent, replies }: Probed, from: Duration): number {
  const counted = new Set(replies.filter(({ sentAt }) => sentAt > from).map(({ sequence }) => sequence));
  if (counted.size === 0) throw new Error('count lost probes: none was answered');
  return sent - Math.min(...counted) - counted.size;
}
