// The VirtualIPs as this agent knows them: the watch's objects translated into our own values, and, where our own
// write or read was answered before the watch caught up, that newer copy.

import type { KubeObject, ListWatch, ObjectChange } from '../kube/api.ts';
import type { Log } from '../observe/log.ts';
import type { PlannedVirtualIP } from '../plan/desired.ts';
import type { Condition } from '../resource/condition.ts';
import { formatProblems } from '../resource/parsed.ts';
import { SharedValues } from '../resource/shared-values.ts';
import { parseVirtualIP, type ServiceRef, type VirtualIP } from '../resource/virtual-ip.ts';

export interface KnownVirtualIP extends PlannedVirtualIP {
  /** metadata.generation, for status.observedGeneration. */
  readonly generation: number;
}

/** `saved`: from before this start, and not seen in the API since. */
type Source = 'answer' | 'saved';

export class VirtualIPs {
  readonly #watch: ListWatch<KubeObject>;
  readonly #log: Log;
  readonly #known = new Map<string, KnownVirtualIP>();
  /** By name, where it is not the watch. */
  readonly #sources = new Map<string, Source>();
  readonly #shared = new SharedValues();
  #handler: (name: string) => void = () => {};
  #onDeleted: (uid: string) => void = () => {};

  constructor(watch: ListWatch<KubeObject>, log: Log) {
    this.#watch = watch;
    this.#log = log;
    watch.onChange((change) => this.#apply(change));
  }

  /** The handler is called with the name of each VirtualIP that changed or vanished; there is one handler. */
  onChange(handler: (name: string) => void): void {
    this.#handler = handler;
  }

  /** The handler is called with the uid of each that the API has shown to be deleted; there is one handler. */
  onDeleted(handler: (uid: string) => void): void {
    this.#onDeleted = handler;
  }

  get(name: string): KnownVirtualIP | undefined {
    return this.#known.get(name);
  }

  all(): Iterable<KnownVirtualIP> {
    return Array.from(this.#known.values());
  }

  /** Takes what was known before this start, while the API can not be asked. */
  restore(objects: readonly KubeObject[]): void {
    for (const object of objects) if (!this.#known.has(object.metadata.name)) this.#put(object, 'saved');
  }

  /** The API has been asked: what it did not show is not there any more. */
  forgetSaved(): void {
    for (const [name, { uid }] of this.#known) {
      if (this.#sources.get(name) !== 'saved') continue;
      this.#onDeleted(uid);
      this.#delete(name);
    }
  }

  /** It is deleted, although the watch has not shown that. */
  forget({ name, uid }: Pick<VirtualIP, 'name' | 'uid'>): void {
    if (this.get(name)?.uid === uid) this.#delete(name);
  }

  #delete(name: string): void {
    this.#known.delete(name);
    this.#sources.delete(name);
    this.#handler(name);
  }

  /** Takes in an object that the API gave us as an answer, unless the watch has shown the same or a newer state. */
  note(object: KubeObject): void {
    const { name, uid, resourceVersion } = object.metadata;
    // An answer that comes after the watch has shown the deletion would bring the object back for ever.
    if (this.#watch.get(name)?.metadata.uid !== uid) return;
    const known = this.get(name);
    if (known?.uid === uid && !isOlder(known.resourceVersion, resourceVersion)) return;
    this.#put(object, 'answer');
  }

  #apply(change: ObjectChange<KubeObject>): void {
    if (change.kind === 'deleted') this.#applyDeleted(change.before);
    else this.#applyPresent(change.object);
  }

  #applyDeleted({ metadata: { name, uid } }: KubeObject): void {
    this.#onDeleted(uid);
    this.forget({ name, uid });
  }

  /** The watch is believed whatever it says, except while it lags behind an answer that we already have. */
  #applyPresent(object: KubeObject): void {
    const { name, uid, resourceVersion } = object.metadata;
    const known = this.#known.get(name);
    const isLate =
      this.#sources.get(name) === 'answer' &&
      known?.uid === uid &&
      isOlder(resourceVersion, known.resourceVersion);
    if (!isLate) this.#put(object, undefined);
  }

  #put(object: KubeObject, source: Source | undefined): void {
    const { name, generation = 0 } = object.metadata;
    const parsed = parseVirtualIP(object);
    if (parsed.kind === 'problems') {
      // What is known stays: better the last good state than silence because of a field we can not read.
      this.#log.warn('VirtualIP not understood', { name, problems: formatProblems(parsed.problems) });
      return;
    }
    this.#known.set(name, this.#compact(parsed.value, generation));
    if (source === undefined) this.#sources.delete(name);
    else this.#sources.set(name, source);
    this.#handler(name);
  }

  /**
   * There are thousands on every node. What many of them say alike is kept once, and an object that is written down as a
   * whole takes less than one that has grown field by field.
   */
  #compact(virtualIP: VirtualIP, generation: number): KnownVirtualIP {
    const shared = this.#shared;
    const { name, uid, resourceVersion, isDeleting, address, family, phase, moveTo } = virtualIP;
    const compact = {
      name,
      uid,
      resourceVersion,
      generation,
      createdAt: virtualIP.createdAt,
      isDeleting,
      finalizers: shared.share(virtualIP.finalizers),
      address,
      family,
      pool: shared.share(virtualIP.pool),
      services: virtualIP.services.map((service) => this.#compactService(service)),
      candidates: shared.share(virtualIP.candidates),
      advertisements: shared.share(virtualIP.advertisements),
      record: shared.share(virtualIP.record),
      phase,
      conditions: virtualIP.conditions.map((condition) => this.#compactCondition(condition)),
    };
    return moveTo === undefined ? compact : { ...compact, moveTo };
  }

  #compactService({ namespace, name, uid, ports, ...flags }: ServiceRef): ServiceRef {
    const service = { namespace: this.#shared.share(namespace), name, uid, ports: this.#shared.share(ports) };
    return flags.retain === undefined && flags.local === undefined ? service : { ...service, ...flags };
  }

  #compactCondition({ observedGeneration, ...condition }: Condition): Condition {
    const { type, status, reason, lastTransitionTime } = condition;
    const message = this.#shared.share(condition.message);
    const compact = { type, status, reason, message, lastTransitionTime };
    return observedGeneration === undefined ? compact : { ...compact, observedGeneration };
  }
}

/** Resource versions of one kind are ordered integers; where a server has others, nothing is called older. */
function isOlder(a: string, b: string): boolean {
  return /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b);
}
