// One right taken away from running programs: they are made to need it, their logs have to name it, what is announced
// has to stay so, and everything has to be done once the right is given back.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { getIn } from '../../lab/http-client.ts';
import { PORTS, SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { LabApiError } from '../../lab/kube-client.ts';
import { longestGap } from '../../lab/prober.ts';
import type { ObjectRef, ResourceKind } from '../../src/kube/api.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { type Bed, WEB } from './bed.ts';
import { type Component, type Right, revoke, titleOf } from './rights.ts';

const HELD = 'held';
const INTERVAL = milliseconds(20);
/** More than the back-off of a Service and the duration of a Lease together. */
const AFTER_BACK_OFF = seconds(90);
/** Two agents and a controller watch the same kinds. */
const WATCHERS = 3;

/** What an exercise may play with. */
export interface Playground {
  readonly bed: Bed;
  /** A Service that has an address, and that may go. */
  readonly spare: string;
  /** The Service that comes when the right was given back. */
  readonly later: string;
  /** What the program has said since the beginning of the case. */
  readonly said: () => string;
  /** Creates one more Service. */
  readonly createNew: () => Promise<void>;
}

/** Does something, most often something that the programs need a right for. */
export type Exercise = (playground: Playground) => Promise<unknown>;

export const createService: Exercise = ({ createNew }) => createNew();
export const removeSpare: Exercise = ({ bed, spare }) => bed.remove(spare);

/** Ends all watches of a kind, as the server does every few minutes: they are opened anew. */
export const rewatch =
  (plural: string): Exercise =>
  async ({ bed }) =>
    bed.lab.proxy.endWatches(new RegExp(`/${plural}\\?`));

/** The same, and the server has forgotten where they were: the kind is listed anew. */
export const relist =
  (plural: string): Exercise =>
  async (playground) => {
    const path = new RegExp(`/${plural}\\?`);
    playground.bed.lab.proxy.inject(
      { kind: 'status', status: 410 },
      { verb: 'watch', path, times: WATCHERS },
    );
    await rewatch(plural)(playground);
  };

/** The next patch of such an object is refused as if somebody else had just written it. */
export const conflictOn =
  (path: RegExp, then: Exercise): Exercise =>
  async (playground) => {
    playground.bed.lab.proxy.inject({ kind: 'status', status: 409 }, { verb: 'patch', path, times: 1 });
    await then(playground);
  };

export async function removeIfThere(bed: Bed, kind: ResourceKind, ref: ObjectRef): Promise<void> {
  await bed.lab.api.remove(kind, ref).catch((error: unknown) => {
    if (!(error instanceof LabApiError && error.code === 'NotFound')) throw error;
  });
}

export const systemRef = (name: string): ObjectRef => ({ namespace: SYSTEM_NAMESPACE, name });

export interface Trial {
  readonly exercise: Exercise;
  /** What is looked at before the right is given back. */
  readonly meanwhile?: Exercise;
  /** What has to be true afterwards, besides all that is the same for every right. */
  readonly afterwards?: Exercise;
}

export class RightsBed {
  readonly #bed: Bed;
  readonly #component: Component;
  #count = 0;

  constructor(bed: Bed, component: Component) {
    this.#bed = bed;
    this.#component = component;
  }

  async prepare(): Promise<void> {
    await this.#bed.create({ name: HELD });
    await this.#bed.answerAt(await this.#bed.addressOf(HELD));
  }

  async tryWithout(right: Right, { exercise, meanwhile, afterwards }: Trial): Promise<void> {
    const { lab } = this.#bed;
    const playground = await this.#playground();
    const address = await this.#bed.addressOf(HELD);
    const prober = await lab.clientUdp({ address, port: 7, interval: INTERVAL });
    const giveBack = await revoke(lab, this.#component, right);
    try {
      await exercise(playground);
      await lab.waitFor(
        `a log to name ${titleOf(right)}`,
        () => isTold(right, playground.said()),
        AFTER_BACK_OFF,
      );
      await meanwhile?.(playground);
    } finally {
      await giveBack();
      lab.proxy.calm();
    }
    await this.#recovers(playground);
    await afterwards?.(playground);
    const report = await prober.stop();
    assert.equal(report.sent - report.replies.length, 0, `lost; longest gap ${longestGap(report)} ms`);
    assert.doesNotMatch(playground.said(), /"stack"|^ {4}at |internal error/m);
    await this.#clear();
  }

  async #playground(): Promise<Playground> {
    const bed = this.#bed;
    const count = ++this.#count;
    const [spare, fresh, later] = [`spare-${count}`, `new-${count}`, `after-${count}`];
    await bed.create({ name: spare });
    await bed.holding(await bed.addressOf(spare));
    return {
      bed,
      spare,
      later,
      said: this.#mark(),
      createNew: async () => void (await bed.create({ name: fresh })),
    };
  }

  /** All programs are ready, and every Service has its address and is announced. */
  async #recovers({ bed, later }: Playground): Promise<void> {
    await bed.lab.waitFor('all programs to be ready', () => this.#areReady(), AFTER_BACK_OFF);
    await bed.create({ name: later });
    await bed.lab.waitFor('every Service to be announced', () => this.#areAnnounced(), AFTER_BACK_OFF);
  }

  async #areReady(): Promise<boolean> {
    const { nodes, controlPlane } = this.#bed.lab.network;
    const urls = [
      ...nodes.map((node) => ({ node, port: PORTS.agent })),
      { node: controlPlane, port: PORTS.controller },
    ];
    const answers = await Promise.all(
      urls.map(({ node, port }) => getIn(node.netns, `http://${node.ip}:${port}/readyz`)),
    );
    return answers.every(({ status }) => status === 200);
  }

  async #areAnnounced(): Promise<boolean> {
    const services = await this.#services();
    const isAnnounced = (name: string): Promise<boolean> =>
      this.#bed
        .service(name)
        .then(({ status }) =>
          (status?.conditions ?? []).some(
            (condition) => condition.type === 'fairlead.io/Announced' && condition.status === 'True',
          ),
        );
    return (await Promise.all(services.map(isAnnounced))).every(Boolean);
  }

  /** Those of the cases; one that is being deleted is left over until it has gone. */
  async #services(): Promise<readonly string[]> {
    const services = await this.#bed.lab.api.list<Awaited<ReturnType<Bed['service']>>>(SERVICE, {
      namespace: WEB,
    });
    return services.filter(({ spec }) => spec.type === 'LoadBalancer').map(({ metadata }) => metadata.name);
  }

  async #clear(): Promise<void> {
    const others = (await this.#services()).filter((name) => name !== HELD);
    for (const name of others) await removeIfThere(this.#bed, SERVICE, { namespace: WEB, name });
    for (const name of others) await this.#bed.serviceGone(name);
  }

  /** Reads what all processes of the program say from now on. */
  #mark(): () => string {
    const prefix = `${this.#component}/`;
    const files = this.#bed.lab.processes.list().filter(({ target }) => target.startsWith(prefix));
    const marks = files.map(({ logFile }) => ({ logFile, from: readFileSync(logFile).length }));
    return () => marks.map(({ logFile, from }) => readFileSync(logFile).toString('utf8', from)).join('');
  }
}

/** What fails with every watch and Lease is told of together: the first failure as a warning, then one line a minute. */
const isToldTogether = ({ verb, resource }: Right): boolean =>
  verb === 'list' || verb === 'watch' || resource === 'leases';

/** Whether the log names verb and resource, as Kubernetes says them. */
function isTold(right: Right, log: string): boolean {
  const lines = log
    .split('\n')
    .filter((line) => line.includes(`cannot ${right.verb} resource \\"${right.resource}\\"`));
  return lines.some((line) => isToldTogether(right) || /"level":"(warn|error|fatal)"/.test(line));
}
