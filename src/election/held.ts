// What a node holds, as its main thread and its peers are told of it.

import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import type { HeldElection } from './election-messages.ts';
import type { Entries } from './entries.ts';
import { type Entry, isHeld, type WantedElection } from './tenure.ts';

export type HeldChange = Pick<WantedElection, 'uid' | 'shortUid'>;

export class HeldEntries {
  readonly #entries: Entries;
  readonly #changed = new Map<string, HeldChange>();

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** All addresses that are answered now, recorded or not. */
  all(): readonly HeldElection[] {
    return [...this.#entries.all()].flatMap((entry) => heldOf(entry) ?? []);
  }

  /** One of them; undefined if it is not answered. */
  get(uid: string): HeldElection | undefined {
    const entry = this.#entries.get(uid);
    return entry && heldOf(entry);
  }

  /** The same as the peers are told of it. */
  claim(uid: string): PeerClaim | undefined {
    const entry = this.#entries.get(uid);
    return entry && claimOf(entry);
  }

  /** This node was stopped: others may have taken what is held. */
  doubt(): void {
    for (const entry of this.#entries.all()) {
      if (!isHeld(entry.tenure)) continue;
      entry.tenure = { ...entry.tenure, isDoubtful: true };
      this.note(entry);
    }
  }

  /** The peers have to be told of it. */
  note({ wanted: { uid, shortUid } }: Entry): void {
    this.#changed.set(uid, { uid, shortUid });
  }

  /** Of what `claim` may have become something else since the last call. */
  takeChanged(): readonly HeldChange[] {
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    return changed;
  }
}

function heldOf({ wanted: { uid }, tenure, offer }: Entry): HeldElection | undefined {
  if (!isHeld(tenure)) return undefined;
  const { epoch, isRecorded, isAlone, isDoubtful } = tenure;
  return { uid, epoch, isRecorded, isAlone, isDoubtful, isLeaving: offer !== undefined };
}

function claimOf(entry: Entry): PeerClaim | undefined {
  const held = heldOf(entry);
  if (held === undefined) return undefined;
  const { shortUid, createdAt } = entry.wanted;
  const { epoch, isRecorded, isAlone, isDoubtful, isLeaving } = held;
  const state = isDoubtful ? 'Taking' : isLeaving ? 'Leaving' : 'Held';
  return { uid: shortUid, createdAt, epoch, isRecorded, isAlone, state };
}
