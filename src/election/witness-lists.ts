// Whom one peer has heard lately, by its own lists. They are kept as they came and looked at when somebody else falls
// silent. ELECTION.md section 2.
//
// A list names 59 peers at most, and what it has no room for comes in the next one, so several lists belong together. One
// is kept for as long as what it says can matter: no peer counts as heard for longer than its own detection time.

import {
  findLastHeard,
  type Heard,
  type HeardKey,
  type HeardList,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import { type Duration, milliseconds } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';

/** They name more than all peers that there can be, each with two sessions; this bounds a mistake in the settings. */
const MAX_LISTS = 64;

/** Changed in place, and used again for another list: what lives until the next ones come costs the collector most. */
interface Kept {
  at: Instant;
  /** The list is what these begin with. */
  bytes: Uint8Array;
  length: number;
}

export interface Witness extends Heard {
  readonly heardAt: Instant;
}

export class WitnessLists {
  /** Oldest first. */
  readonly #lists: Kept[] = [];

  /** `memory`: how long any peer may be silent before it is dead. */
  take(now: Instant, { bytes }: HeardList, memory: Duration): void {
    const kept = this.#free(now, memory) ?? { at: now, bytes: new Uint8Array(bytes.length), length: 0 };
    if (kept.bytes.length < bytes.length) kept.bytes = new Uint8Array(bytes.length);
    kept.bytes.set(bytes);
    kept.length = bytes.length;
    kept.at = now;
    this.#lists.push(kept);
  }

  #free(now: Instant, memory: Duration): Kept | undefined {
    const oldest = this.#lists[0];
    if (oldest === undefined) return undefined;
    const isNeeded = this.#lists.length < MAX_LISTS && !hasPassed(after(oldest.at, memory), now);
    return isNeeded ? undefined : this.#lists.shift();
  }

  /** What it said last of a node. */
  find(node: HeardKey): Witness | undefined {
    for (let i = this.#lists.length - 1; i >= 0; i--) {
      const kept = this.#lists[i];
      if (kept === undefined) continue;
      const heard = findLastHeard(kept.bytes, kept.length, node);
      if (heard !== undefined) return { ...heard, heardAt: after(kept.at, milliseconds(-heard.age)) };
    }
    return undefined;
  }

  clear(): void {
    this.#lists.length = 0;
  }
}
