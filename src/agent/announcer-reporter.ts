// Keeps this node's Announcer object in the API: created with the Node as its owner, its status written when it
// changed, at once the first time and then at most every five seconds; and once a minute anyway, because nobody
// watches it here, and without it the controller takes this node for one without links.

import type { Clock, WallClock } from '../host/host.ts';
import type { KubeApi, KubeObject } from '../kube/api.ts';
import { ANNOUNCER, NODE } from '../kube/kinds.ts';
import type { Timer, Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import type { AnnouncerLink, AnnouncerSegment } from '../resource/announcer.ts';
import { type Condition, withCondition } from '../resource/condition.ts';
import { type Duration, milliseconds, minutes, seconds } from '../time/duration.ts';
import { after, between, type Instant } from '../time/instant.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import { apiErrorCode } from './api-errors.ts';
import type { KeyState } from './heartbeat-keys.ts';

const MIN_INTERVAL = seconds(5);
/** The API server writes nothing for a patch that changes nothing, so what is as it should be costs one request. */
const CONFIRM_INTERVAL = minutes(1);
const RETRIES: RetrySchedule = { first: milliseconds(500), factor: 2, limit: seconds(30), jitter: 0.3 };

/** What there is to report. */
export interface AnnouncerFacts {
  readonly links: readonly AnnouncerLink[];
  readonly segments: readonly AnnouncerSegment[];
  readonly held: number;
  /** Why the agent is not ready, or undefined when it is. */
  readonly notReady: string | undefined;
  readonly heartbeatKey: KeyState;
}

export interface ReporterDeps {
  readonly node: string;
  readonly version: string;
  /** Random hex digits, new at each start of the agent. */
  readonly session: string;
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
}

export class AnnouncerReporter {
  readonly #deps: ReporterDeps;
  #facts: AnnouncerFacts | undefined;
  #written: string | undefined;
  #writtenAt: Instant | undefined;
  #conditions: readonly Condition[] = [];
  #failures = 0;
  #isWriting = false;
  #isStopped = false;
  #isOrphanTold = false;
  #timer: Timer | undefined;
  /** Whether the timer is for facts that are not written yet, not for a mere confirmation. */
  #isPending = false;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  /** Takes the present facts; they are written when they differ from what was written last. */
  report(facts: AnnouncerFacts): void {
    this.#facts = facts;
    if (!this.#isPending && !this.#isWriting) this.#schedule(this.#pause());
  }

  /** Writes these last facts at once and then nothing any more; what can not be written is left. */
  async finish(facts: AnnouncerFacts): Promise<void> {
    this.stop();
    this.#facts = facts;
    try {
      await this.#write();
    } catch (error) {
      if (apiErrorCode(error) === undefined) throw error;
      this.#deps.log.warn('last Announcer status not written', { error });
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #pause(): Duration {
    if (this.#writtenAt === undefined) return milliseconds(0);
    return between(this.#deps.clock.now(), after(this.#writtenAt, MIN_INTERVAL));
  }

  #schedule(delay: Duration): void {
    if (this.#isStopped || this.#facts === undefined) return;
    this.#isPending = key(this.#facts) !== this.#written;
    if (!this.#isPending && this.#timer !== undefined) return;
    this.#timer?.cancel();
    const wait = this.#isPending ? delay : CONFIRM_INTERVAL;
    this.#timer = this.#deps.timers.after(wait, 'announcer-status', () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
    this.#isPending = false;
    this.#isWriting = true;
    const delay = await this.#attempt();
    this.#isWriting = false;
    this.#schedule(delay);
  }

  /** Writes once; returns how long to wait before the next time. */
  async #attempt(): Promise<Duration> {
    try {
      await this.#write();
      this.#failures = 0;
      return this.#pause();
    } catch (error) {
      const delay = retryDelay(RETRIES, this.#failures++, this.#deps.random());
      const isAnswer = apiErrorCode(error) !== undefined;
      const message = isNodeMissing(error) ? NO_NODE : 'Announcer not written';
      this.#deps.log[isAnswer ? 'warn' : 'error'](message, { error, retryInMs: Math.round(delay) });
      return delay;
    }
  }

  async #write(): Promise<void> {
    const facts = this.#facts;
    if (facts === undefined) return;
    const { api, node, wallClock, clock } = this.#deps;
    for (const condition of [readyCondition(facts), keyCondition(facts), pathLostCondition(facts)])
      this.#conditions = withCondition(this.#conditions, condition, wallClock.timestamp());
    const { version, session } = this.#deps;
    const { links, segments, held } = facts;
    const status = { version, session, links, segments, held, conditions: this.#conditions };
    const patch = { type: 'merge', body: { status } } as const;
    const write = () => api.patch<Owned>(ANNOUNCER, { name: node }, patch, { subresource: 'status' });
    // The object is there already in all but the first life of an agent on this node.
    const written = await write().catch(async (error: unknown) => {
      if (apiErrorCode(error) !== 'NotFound') throw error;
      await this.#create();
      return write();
    });
    this.#written = key(facts);
    this.#writtenAt = clock.now();
    if ((written.metadata.ownerReferences ?? []).length === 0) await this.#adopt();
  }

  /** It was made when the agent might not read its Node, or somebody took its owner away. */
  async #adopt(): Promise<void> {
    const { api, node } = this.#deps;
    const ownerReferences = await this.#owners();
    if (ownerReferences.length === 0) return;
    const body = { metadata: { ownerReferences } };
    await api.patch(ANNOUNCER, { name: node }, { type: 'merge', body });
    this.#isOrphanTold = false;
  }

  async #create(): Promise<void> {
    const { api, node } = this.#deps;
    const ownerReferences = await this.#owners();
    const metadata = { name: node, ownerReferences };
    const object = { apiVersion: 'fairlead.io/v1alpha1', kind: 'Announcer', metadata };
    await api.create(ANNOUNCER, undefined, object).catch((error: unknown) => {
      if (apiErrorCode(error) !== 'AlreadyExists') throw error;
    });
  }

  /**
   * The Node, so that the Announcer goes with it; nobody where the agent may not read its Node. Without its Node there
   * is no Announcer: one that is made when the Node has just been deleted would stay for ever.
   */
  async #owners(): Promise<readonly object[]> {
    const { api, node, log } = this.#deps;
    try {
      const { uid } = (await api.get<KubeObject>(NODE, { name: node })).metadata;
      return [{ apiVersion: 'v1', kind: 'Node', name: node, uid }];
    } catch (error) {
      if (apiErrorCode(error) !== 'Forbidden') throw error;
      log[this.#isOrphanTold ? 'debug' : 'warn']('Announcer has no owner and will outlive its Node', {
        node,
        error,
      });
      this.#isOrphanTold = true;
      return [];
    }
  }
}

const NO_NODE = 'Announcer not written: there is no Node of this name, want another --node-name';

/** Everything else that is not found is made. */
const isNodeMissing = (error: unknown): boolean => apiErrorCode(error) === 'NotFound';

interface Owned extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly ownerReferences?: readonly object[] };
}

const key = (facts: AnnouncerFacts): string => JSON.stringify(facts);

function readyCondition({ notReady }: AnnouncerFacts): Omit<Condition, 'lastTransitionTime'> {
  return notReady === undefined
    ? { type: 'Ready', status: 'True', reason: 'Synced', message: '' }
    : { type: 'Ready', status: 'False', reason: 'NotReady', message: notReady };
}

/** A node that others hear and this one does not: something between the two is broken. */
function pathLostCondition({ segments }: AnnouncerFacts): Omit<Condition, 'lastTransitionTime'> {
  const lost = segments.flatMap(({ link, peers }) =>
    peers.filter(({ state }) => state === 'PathLost').map(({ node }) => `${node} on ${link}`),
  );
  return lost.length === 0
    ? { type: 'PathLost', status: 'False', reason: 'AllHeard', message: '' }
    : { type: 'PathLost', status: 'True', reason: 'HeardByOthers', message: `not heard: ${lost.join(', ')}` };
}

function keyCondition({ heartbeatKey }: AnnouncerFacts): Omit<Condition, 'lastTransitionTime'> {
  const { isInUse, problem } = heartbeatKey;
  const type = 'HeartbeatKey';
  if (problem === undefined)
    return isInUse
      ? { type, status: 'True', reason: 'KeyInUse', message: '' }
      : { type, status: 'Unknown', reason: 'KeyNotReadYet', message: '' };
  const { reason, message } = problem;
  const inUse = isInUse ? 'the key that was read before stays in use' : 'there are no heartbeats until then';
  return { type, status: 'False', reason, message: `${message}; ${inUse}` };
}
