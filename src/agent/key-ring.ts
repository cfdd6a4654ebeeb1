// The keys that heartbeats are accepted and made with while the Secret changes. Agents read it at different times, up to
// a check interval apart, so whatever is done to it: a new key is accepted at once and made use of only when all others
// have had the time to read it, and one that is gone is accepted until nobody makes use of it any more.

import { equalBytes } from '../bytes/equal-bytes.ts';
import { minutes } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { HeartbeatKey } from '../wire-worker/heartbeat-settings.ts';

export interface Keys {
  readonly keys: readonly HeartbeatKey[];
  readonly active: number;
}

/** After so long every agent that reaches the API has read a new key: it looks once a minute. */
export const PROMOTE_AFTER = minutes(2);
/** The last agent has read that a key is gone a minute after the first, and uses it for PROMOTE_AFTER from then on. */
export const RETIRE_AFTER = minutes(10);

interface Entry {
  readonly key: HeartbeatKey;
  readonly readAt: Instant;
  /** Undefined while it is in the Secret. */
  goneAt: Instant | undefined;
}

export class KeyRing {
  readonly #entries = new Map<number, Entry>();
  #active: number | undefined;

  /** What to use now, with the Secret as it is: call it again as time passes. */
  use(now: Instant, { keys, active }: Keys): Keys {
    for (const entry of this.#entries.values()) entry.goneAt ??= now;
    for (const key of keys) this.#add(now, key);
    for (const [id, { goneAt }] of this.#entries)
      if (goneAt !== undefined && hasPassed(after(goneAt, RETIRE_AFTER), now)) this.#entries.delete(id);
    this.#active = this.#choose(now, active);
    return { keys: Array.from(this.#entries.values(), ({ key }) => key), active: this.#active };
  }

  /** One id can not stand for two keys: of another key under the same id only the new one is known. */
  #add(now: Instant, key: HeartbeatKey): void {
    const known = this.#entries.get(key.id);
    if (known !== undefined && isSameKey(known.key, key)) known.goneAt = undefined;
    else this.#entries.set(key.id, { key, readAt: now, goneAt: undefined });
  }

  #choose(now: Instant, wanted: number): number {
    const present = this.#active === undefined ? undefined : this.#entries.get(this.#active);
    const next = this.#entries.get(wanted);
    if (present === undefined || next === undefined) return wanted;
    return hasPassed(after(next.readAt, PROMOTE_AFTER), now) ? wanted : present.key.id;
  }
}

const isSameKey = (a: HeartbeatKey, b: HeartbeatKey): boolean => equalBytes(a.secret, b.secret);
