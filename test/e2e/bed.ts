// What the end-to-end tests share: one lab per file with pods and a pool in it, and readers of what Fairlead wrote.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { createLab, type Lab, type LabOptions } from '../../lab/cluster.ts';
import { LabApiError } from '../../lab/kube-client.ts';
import type { PodAnswer } from '../../lab/pod-server.ts';
import { poolManifest } from '../../lab/pool-manifest.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { EVENT, SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { type Duration, milliseconds, seconds } from '../../src/time/duration.ts';

/** Ten times what the slowest step is expected to take on two cores. */
export const SOON = seconds(30);
/** Ten times the time in which a node's Lease expires and the next candidate is recorded. */
export const AFTER_LEASE_EXPIRY = seconds(200);

export const WEB = 'web';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface ServiceObject extends KubeObject {
  readonly spec: { readonly type: string; readonly ports: readonly unknown[] };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly {
        readonly ip?: string;
        readonly ipMode?: string;
        readonly ports?: unknown;
      }[];
    };
    readonly conditions?: readonly Condition[];
  };
}

export interface VirtualIPObject extends KubeObject {
  readonly spec: {
    readonly address: string;
    readonly candidates?: readonly string[];
    readonly services?: readonly { readonly name: string; readonly uid: string }[];
    readonly reservedFor?: { readonly namespace: string; readonly name: string };
  };
  readonly status?: {
    readonly holder?: string;
    readonly epoch?: number;
    readonly phase?: string;
    readonly since?: string;
    readonly conditions?: readonly Condition[];
  };
}

interface EventObject extends KubeObject {
  readonly involvedObject: { readonly name?: string; readonly namespace?: string };
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/**
 * Inside a `describe`: gives its tests a lab of their own, which has pods `web/shop-1`, … and the pool
 * 10.77.0.50-10.77.0.99, and removes it afterwards.
 */
export function useBed(options: LabOptions): () => Bed {
  let bed: Bed | undefined;
  before(async () => {
    bed = new Bed(await createLab(options));
    await bed.prepare();
  });
  after(async () => bed?.lab.down());
  return () => {
    assert.ok(bed, 'the lab was not made');
    return bed;
  };
}

export interface NewService {
  readonly name: string;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A held address, as its VirtualIP records it. */
export interface Holding {
  readonly holder: string;
  readonly epoch: number;
}

export class Bed {
  readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  async prepare(): Promise<void> {
    await this.lab.runWorkload({ namespace: WEB, name: 'shop' });
    await this.lab.apply(poolManifest('default', ['10.77.0.50-10.77.0.99']));
  }

  /**
   * From now on a program that ends by itself is started again, as a kubelet does it: a controller that could not renew
   * its leadership ends so, and an API server that meets too many writers while it starts. Tells which did.
   */
  keepRunning(): readonly string[] {
    const ended: string[] = [];
    const { processes, faults } = this.lab;
    processes.onExit(({ target, wasAsked }) => {
      if (wasAsked) return;
      ended.push(target);
      // One that ends before it is ready comes here again.
      faults.start(target).catch(() => undefined);
    });
    return ended;
  }

  /** Creates a LoadBalancer Service of our class in front of the pods, on ports 80 (HTTP) and 7 (UDP). */
  create(service: NewService): Promise<ServiceObject> {
    return this.lab.api.create<ServiceObject>(SERVICE, WEB, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: service.name, namespace: WEB, annotations: service.annotations ?? {} },
      spec: { ...serviceSpec, ...service.spec },
    });
  }

  service(name: string): Promise<ServiceObject> {
    return this.lab.api.get<ServiceObject>(SERVICE, { namespace: WEB, name });
  }

  /** A merge patch of the Service. */
  change(name: string, body: object): Promise<ServiceObject> {
    const ref = { namespace: WEB, name };
    return this.lab.api.patch<ServiceObject>(SERVICE, ref, { type: 'merge', body });
  }

  remove(name: string): Promise<void> {
    return this.lab.api.remove(SERVICE, { namespace: WEB, name });
  }

  /** The address in the Service's status, once there is one. */
  addressOf(name: string, deadline: Duration = SOON): Promise<string> {
    const address = async (): Promise<string | undefined> =>
      (await this.service(name)).status?.loadBalancer?.ingress?.[0]?.ip;
    return this.lab.waitFor(`service ${name} to have an address`, address, deadline);
  }

  /** Asks a pod through the address, until it is answered. */
  answerAt(address: string, deadline: Duration = SOON): Promise<PodAnswer> {
    return this.lab.waitFor(
      `an answer at ${address}`,
      () => this.lab.clientHttp(`http://${address}/`, { timeout: milliseconds(500) }),
      deadline,
    );
  }

  virtualIP(name: string): Promise<VirtualIPObject> {
    return this.lab.api.get<VirtualIPObject>(VIRTUAL_IP, { name });
  }

  /** Who holds the address, once somebody does and `accept` agrees. */
  holding(
    address: string,
    accept: (holding: Holding) => boolean = () => true,
    deadline: Duration = SOON,
  ): Promise<Holding> {
    const read = async (): Promise<Holding | undefined> => {
      const { holder = '', epoch = 0 } = (await this.virtualIP(address)).status ?? {};
      return holder !== '' && accept({ holder, epoch }) ? { holder, epoch } : undefined;
    };
    return this.lab.waitFor(`${address} to be held`, read, deadline);
  }

  /** The condition of a Service once it has this status. */
  condition(service: string, type: string, status: string): Promise<Condition> {
    const read = async (): Promise<Condition | undefined> =>
      (await this.service(service)).status?.conditions?.find(
        (condition) => condition.type === type && condition.status === status,
      );
    return this.lab.waitFor(`condition ${type}=${status} of service ${service}`, read, SOON);
  }

  /** The event about a Service once there is one with this reason. */
  event(service: string, reason: string): Promise<EventObject> {
    const read = async (): Promise<EventObject | undefined> =>
      (await this.lab.api.list<EventObject>(EVENT, { namespace: WEB })).find(
        (event) => event.involvedObject.name === service && event.reason === reason,
      );
    return this.lab.waitFor(`event ${reason} about service ${service}`, read, SOON);
  }

  virtualIPThere(name: string): Promise<true> {
    const isThere = async () => !(await isGone(this.virtualIP(name)));
    return this.lab.waitFor(`virtualip ${name} to be there`, isThere, SOON);
  }

  /** Resolves when nothing of the address is left in the API. */
  virtualIPGone(name: string): Promise<true> {
    return this.lab.waitFor(`virtualip ${name} to be gone`, () => isGone(this.virtualIP(name)), SOON);
  }

  serviceGone(name: string): Promise<true> {
    return this.lab.waitFor(`service ${name} to be gone`, () => isGone(this.service(name)), SOON);
  }

  /** The hardware addresses that answer ARP for the address at the client: none, one, or a conflict. */
  async answerers(address: string): Promise<readonly string[]> {
    const { client } = this.lab.network;
    const { stdout } = await this.lab.exec(client, [
      'arping',
      '-c',
      '3',
      '-w',
      '3',
      '-b',
      '-I',
      'eth0',
      address,
    ]);
    const macs = stdout.matchAll(/\[([0-9A-F:]{17})\]/g);
    return [...new Set(Array.from(macs, (match) => (match[1] ?? '').toLowerCase()))];
  }

  macOf(node: string): string {
    const found = this.lab.network.nodes.find((candidate) => candidate.name === node);
    assert.ok(found, `the lab has no node ${node}`);
    return found.mac;
  }
}

const serviceSpec = {
  type: 'LoadBalancer',
  loadBalancerClass: 'fairlead.io/lb',
  selector: { app: 'shop' },
  ports: [
    { name: 'http', port: 80, targetPort: 'http' },
    { name: 'udp', protocol: 'UDP', port: 7, targetPort: 'udp' },
  ],
};

/** True once reading the object is answered with NotFound; any other refusal is an error. */
async function isGone(read: Promise<unknown>): Promise<boolean> {
  try {
    await read;
    return false;
  } catch (error) {
    if (error instanceof LabApiError && error.code === 'NotFound') return true;
    throw error;
  }
}
