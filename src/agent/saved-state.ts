// What an agent needs to go on after a restart while the API is away: the VirtualIPs that concern its node and the keys
// of heartbeats, in a file on the node. ELECTION.md section 7.

import { equalBytes } from '../bytes/equal-bytes.ts';
import type { Digests, StateStore } from '../host/host.ts';
import type { KubeObject } from '../kube/api.ts';
import type { Timer, Timers } from '../kube/time.ts';
import { formatAddress } from '../net/address.ts';
import type { Log } from '../observe/log.ts';
import { formatProblems, type Parsed } from '../resource/parsed.ts';
import {
  integer,
  isRecord,
  listOf,
  mapOf,
  name,
  objectOf,
  optional,
  type Reader,
  text,
} from '../resource/reader.ts';
import { type Duration, milliseconds, seconds } from '../time/duration.ts';
import { reasonOf } from '../wire-worker/log.ts';
import type { KnownVirtualIP } from './virtual-ips.ts';

/** At most one write in so long. */
const WRITE_INTERVAL = seconds(1);

const VERSION = 1;

/** Of heartbeats, as the API has it. */
export interface SavedKeys {
  readonly clusterUid: string;
  /** The data of the Secret. */
  readonly data: Readonly<Record<string, string>>;
}

export interface Saved {
  readonly keys: SavedKeys | undefined;
  readonly virtualIPs: readonly KubeObject[];
}

const readObject: Reader<KubeObject> = (value, field) =>
  isRecord(value) && isRecord(value.metadata)
    ? { kind: 'value', value: value as unknown as KubeObject }
    : { kind: 'problems', problems: [{ field, value, wanted: 'an object with metadata' }] };

const readSaved = objectOf({
  version: integer(VERSION, VERSION),
  keys: optional(objectOf({ clusterUid: name, data: mapOf(text) })),
  virtualIPs: listOf(readObject),
});

/** As the API had it, as far as an agent reads it; `holding`: of this node, if it answers, whatever the record says. */
export function savedObject(
  virtualIP: KnownVirtualIP,
  holding: { readonly holder: string; readonly epoch: number } | undefined,
): KubeObject {
  const { name: virtualIPName, uid, resourceVersion, generation, createdAt, finalizers, ...rest } = virtualIP;
  const { address, family, pool, services, candidates, advertisements, record, phase } = rest;
  const metadata = { name: virtualIPName, uid, resourceVersion, generation, finalizers };
  const { holder = '', epoch } = holding ?? record;
  return {
    metadata: { ...metadata, creationTimestamp: createdAt },
    spec: { address: formatAddress(address), family, pool, services, candidates, advertisements },
    status: { holder, epoch, phase },
  } as KubeObject;
}

export interface SavedStateDeps {
  readonly store: StateStore;
  readonly digests: Pick<Digests, 'sha256'>;
  readonly timers: Timers;
  readonly log: Log;
  /** What there is to save now. */
  readonly collect: () => Saved;
}

export class SavedState {
  readonly #deps: SavedStateDeps;
  #timer: Timer | undefined;
  /** The digest of it: the text itself is megabytes where there are thousands of addresses. */
  #written: Uint8Array | undefined;
  #isDirty = false;
  #isWriting = false;
  #isStopped = false;
  /** So that a disk that is full is told of once. */
  #problem: string | undefined;

  constructor(deps: SavedStateDeps) {
    this.#deps = deps;
  }

  /** What an earlier life has left; undefined if there is nothing that can be used. */
  async load(): Promise<Saved | undefined> {
    const { store, log } = this.#deps;
    try {
      const written = await store.read();
      if (written === undefined) return undefined;
      const parsed = parseSaved(written);
      if (parsed.kind === 'value') return parsed.value;
      log.warn('saved state not understood', { problems: formatProblems(parsed.problems) });
    } catch (error) {
      log.warn('saved state not read', { error });
    }
    return undefined;
  }

  /** Something of it is another than before. */
  changed(): void {
    this.#isDirty = true;
    this.#schedule(milliseconds(0));
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #schedule(delay: Duration): void {
    if (this.#isStopped || this.#isWriting || this.#timer !== undefined) return;
    this.#timer = this.#deps.timers.after(delay, 'saved-state', () => void this.#write());
  }

  async #write(): Promise<void> {
    this.#isDirty = false;
    const { keys, virtualIPs } = this.#deps.collect();
    const content = JSON.stringify({ version: VERSION, ...(keys && { keys }), virtualIPs });
    const digest = this.#deps.digests.sha256(content);
    if (this.#written === undefined || !equalBytes(digest, this.#written)) {
      this.#isWriting = true;
      await this.#store(content, digest);
      this.#isWriting = false;
    }
    // What changes meanwhile waits for the end of the interval.
    this.#timer = this.#deps.timers.after(WRITE_INTERVAL, 'saved-state-pause', () => {
      this.#timer = undefined;
      if (this.#isDirty) this.#schedule(milliseconds(0));
    });
    if (this.#isStopped) this.#timer.cancel();
  }

  async #store(content: string, digest: Uint8Array): Promise<void> {
    try {
      await this.#deps.store.write(content);
      this.#written = digest;
      this.#problem = undefined;
    } catch (error) {
      const problem = reasonOf(error);
      this.#deps.log[problem === this.#problem ? 'debug' : 'warn']('state not saved', { error });
      this.#problem = problem;
    }
  }
}

function parseSaved(written: string): Parsed<Saved> {
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch {
    return { kind: 'problems', problems: [{ field: '', value: written.slice(0, 40), wanted: 'JSON' }] };
  }
  const parsed = readSaved(value, '');
  if (parsed.kind === 'problems') return parsed;
  const { keys, virtualIPs } = parsed.value;
  return { kind: 'value', value: { keys, virtualIPs } };
}
