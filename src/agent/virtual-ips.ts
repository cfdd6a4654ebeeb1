// The VirtualIPs as this agent knows them: the watch's objects translated into our own values, and, where our own
// write or read was answered before the watch caught up, that newer copy.

import type { KubeObject, ListWatch, ObjectChange } from '../kube/api.ts';
import type { Log } from '../observe/log.ts';
import { formatProblems } from '../resource/parsed.ts';
import { parseVirtualIP, type VirtualIP } from '../resource/virtual-ip.ts';

export interface KnownVirtualIP extends VirtualIP {
  /** metadata.generation, for status.observedGeneration. */
  readonly generation: number;
}

/** `saved`: from before this start, and not seen in the API since. */
type Source = 'watch' | 'answer' | 'saved';

export class VirtualIPs {
  readonly #watch: ListWatch<KubeObject>;
  readonly #log: Log;
  readonly #known = new Map<string, { readonly virtualIP: KnownVirtualIP; readonly source: Source }>();
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
    return this.#known.get(name)?.virtualIP;
  }

  all(): Iterable<KnownVirtualIP> {
    return Array.from(this.#known.values(), ({ virtualIP }) => virtualIP);
  }

  /** Takes what was known before this start, while the API can not be asked. */
  restore(objects: readonly KubeObject[]): void {
    for (const object of objects) if (!this.#known.has(object.metadata.name)) this.#put(object, 'saved');
  }

  /** The API has been asked: what it did not show is not there any more. */
  forgetSaved(): void {
    for (const [name, { source, virtualIP }] of this.#known) {
      if (source !== 'saved') continue;
      this.#known.delete(name);
      this.#onDeleted(virtualIP.uid);
      this.#handler(name);
    }
  }

  /** It is deleted, although the watch has not shown that. */
  forget({ name, uid }: Pick<VirtualIP, 'name' | 'uid'>): void {
    if (this.get(name)?.uid !== uid) return;
    this.#known.delete(name);
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
      known?.source === 'answer' &&
      known.virtualIP.uid === uid &&
      isOlder(resourceVersion, known.virtualIP.resourceVersion);
    if (!isLate) this.#put(object, 'watch');
  }

  #put(object: KubeObject, source: Source): void {
    const { name, generation = 0 } = object.metadata;
    const parsed = parseVirtualIP(object);
    if (parsed.kind === 'problems') {
      // What is known stays: better the last good state than silence because of a field we can not read.
      this.#log.warn('VirtualIP not understood', { name, problems: formatProblems(parsed.problems) });
      return;
    }
    this.#known.set(name, { virtualIP: { ...parsed.value, generation }, source });
    this.#handler(name);
  }
}

/** Resource versions of one kind are ordered integers; where a server has others, nothing is called older. */
function isOlder(a: string, b: string): boolean {
  return /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b);
}
