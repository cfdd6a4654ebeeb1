// What a client of a Service sees, and edits of the Service: shared by the tests that judge the LoadBalancer contract
// from outside, over TCP and UDP.

import { setTimeout as sleep } from 'node:timers/promises';
import { POD } from '../../lab/kinds.ts';
import type { LabPod } from '../../lab/workload.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { type Bed, SOON, WEB } from './bed.ts';

const PATIENCE = milliseconds(500);

export interface ServiceSpec {
  readonly type: string;
  readonly loadBalancerClass?: string;
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly port: number;
    readonly nodePort?: number;
  }[];
  readonly healthCheckNodePort?: number;
}

/** A merge patch; a null takes a field away. */
export async function editService(bed: Bed, name: string, spec: object): Promise<void> {
  await bed.lab.api.patch(SERVICE, { namespace: WEB, name }, { type: 'merge', body: { spec } });
}

export const specOf = async (bed: Bed, name: string): Promise<ServiceSpec> =>
  (await bed.service(name)).spec as unknown as ServiceSpec;

export const ports = (http: number, udp: number): readonly object[] => [
  { name: 'http', port: http, targetPort: 'http' },
  { name: 'udp', protocol: 'UDP', port: udp, targetPort: 'udp' },
];

/** Resolves when a new connection is answered. */
export async function answersTcp(bed: Bed, address: string, port = 80): Promise<void> {
  const url = `http://${address}:${port}/`;
  await bed.lab.waitFor(`an answer at ${url}`, () => bed.lab.clientHttp(url, { timeout: PATIENCE }), SOON);
}

/** Resolves when a new connection is refused or not answered. */
export async function silentTcp(bed: Bed, address: string, port = 80): Promise<void> {
  const isSilent = (): Promise<boolean> =>
    bed.lab.clientHttp(`http://${address}:${port}/`, { timeout: PATIENCE }).then(
      () => false,
      () => true,
    );
  await bed.lab.waitFor(`silence at ${address}:${port}`, isSilent, SOON);
}

/** Whether any of some datagrams of one flow is answered. */
async function isAnsweredUdp(bed: Bed, address: string, port: number): Promise<boolean> {
  const prober = await bed.lab.clientUdp({ address, port, interval: milliseconds(20) });
  await sleep(PATIENCE);
  return (await prober.stop()).replies.length > 0;
}

export async function answersUdp(bed: Bed, address: string, port = 7): Promise<void> {
  await bed.lab.waitFor(`an answer at ${address}:${port}/udp`, () => isAnsweredUdp(bed, address, port), SOON);
}

export async function silentUdp(bed: Bed, address: string, port = 7): Promise<void> {
  const isSilent = async (): Promise<boolean> => !(await isAnsweredUdp(bed, address, port));
  await bed.lab.waitFor(`silence at ${address}:${port}/udp`, isSilent, SOON);
}

export interface ConnectionReport {
  readonly answered: number;
  /** What went wrong with the others. */
  readonly failures: readonly string[];
  readonly pods: ReadonlySet<string>;
}

/** So many that a share of them means something. */
const LEAST = 100;

/** Opens one connection after the other from the client until `until` resolves, and at least LEAST. */
export async function connectWhile(
  bed: Bed,
  address: string,
  until: Promise<void>,
): Promise<ConnectionReport> {
  const failures: string[] = [];
  const pods = new Set<string>();
  let answered = 0;
  let isOver = false;
  const over = until.finally(() => {
    isOver = true;
  });
  while (!isOver || answered + failures.length < LEAST) {
    try {
      pods.add((await bed.lab.clientHttp(`http://${address}/`)).pod);
      answered++;
    } catch (error) {
      failures.push((error as Error).message);
    }
    await sleep(5);
  }
  await over;
  return { answered, failures, pods };
}

/** The pods that answer some datagrams, each of a flow of its own. */
export async function podsOverUdp(bed: Bed, address: string, flows: number): Promise<readonly string[]> {
  const one = async (): Promise<string> => {
    const prober = await bed.lab.clientUdp({ address, port: 7, interval: milliseconds(20) });
    await bed.lab.waitFor('an answer over UDP', () => prober.replies.length > 0, SOON);
    return (await prober.stop()).replies[0]?.pod ?? '';
  };
  return Promise.all(Array.from({ length: flows }, one));
}

/** Whether a pod passes its readiness probe, as a kubelet reports it. */
export async function setReady(bed: Bed, pod: LabPod, isReady: boolean): Promise<void> {
  const conditions = ['ContainersReady', 'Ready'].map((type) => ({
    type,
    status: isReady ? 'True' : 'False',
  }));
  const patch = { type: 'strategic', body: { status: { conditions } } } as const;
  await bed.lab.api.patch<KubeObject>(POD, { namespace: WEB, name: pod.name }, patch, {
    subresource: 'status',
  });
}
