// The lives of one peer as its heartbeats show them: which of its sessions lives now, and which frames are replays of an
// earlier one or of this one. ELECTION.md section 1.

import { type Duration, milliseconds, seconds } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';

/** What a frame says of its sender's life. */
export interface SignOfLife {
  readonly session: bigint;
  readonly sequence: bigint;
  /** Sent by multicast, which a wireless LAN may keep back while frames to one node pass. */
  readonly isToAll: boolean;
  /** The number of ours, given out within MEMORY, with which it lists our session: it was made since then. */
  readonly proof: bigint | undefined;
}

/**
 * `begins`: the first frame that counts of a session; `late`: overtaken by a frame to this node alone, which said all that
 * it says. The two others count for nothing either.
 */
export type Verdict = 'begins' | 'counts' | 'late' | 'unproven-session' | 'replayed';

export interface HeardSession {
  readonly session: bigint;
  readonly sequence: bigint;
  readonly age: Duration;
}

interface Session {
  readonly session: bigint;
  sequence: bigint;
  /** The last that came to all. */
  lastToAll: bigint;
  heardAt: Instant;
  provenAt: Instant;
  /** The highest of our numbers that it has listed. */
  provenBy: bigint;
  countedAt: Instant;
}

/**
 * Who was not heard for this long is no longer listed, and its sessions are forgotten. No replay gets past that: a frame
 * that is older does not list a number of ours that is recent.
 */
export const MEMORY = seconds(10);

/** So many sessions of a peer are remembered after their end; more can not have ended within MEMORY. */
const REMEMBERED_SESSIONS = 8;

export class PeerSessions {
  #proven: Session | undefined;
  /** Listed in our frames all the same, so that the peer can prove itself. */
  #unproven: Omit<Session, 'provenAt' | 'provenBy' | 'countedAt'> | undefined;
  /** Those that came to an end, newest last. */
  #former: readonly bigint[] = [];

  /** The session that lives now; undefined before the first proof. */
  get session(): bigint | undefined {
    return this.#proven?.session;
  }

  /** What was heard last of the session that lives. */
  get last(): Pick<HeardSession, 'session' | 'sequence'> | undefined {
    return this.#proven;
  }

  /** How long nothing that counts was heard. */
  silence(now: Instant): Duration {
    return this.#proven === undefined
      ? milliseconds(Number.POSITIVE_INFINITY)
      : between(this.#proven.countedAt, now);
  }

  /** Its silence up to now means nothing. */
  excuse(now: Instant): void {
    if (this.#proven === undefined) return;
    this.#proven.countedAt = now;
    this.#proven.provenAt = now;
  }

  hear(now: Instant, sign: SignOfLife): Verdict {
    const { session, sequence, proof, isToAll } = sign;
    if (this.#former.includes(session)) return 'replayed';
    const known = [this.#proven, this.#unproven].find((each) => each?.session === session);
    if (known !== undefined && sequence <= known.sequence) {
      if (!isToAll || sequence <= known.lastToAll) return 'replayed';
      known.lastToAll = sequence;
      return 'late';
    }
    if (this.#proven?.session === session) return goOn(now, this.#proven, sign);
    const lastToAll = isToAll ? sequence : (known?.lastToAll ?? sequence);
    if (proof === undefined) {
      this.#unproven = { session, sequence, lastToAll, heardAt: now };
      return 'unproven-session';
    }
    // Who lives now has heard more of us than any earlier life had; a late frame of one of those has not.
    if (this.#proven !== undefined && proof <= this.#proven.provenBy) return 'replayed';
    if (this.#proven !== undefined)
      this.#former = [...this.#former, this.#proven.session].slice(-REMEMBERED_SESSIONS);
    this.#proven = {
      ...{ session, sequence, lastToAll, heardAt: now },
      ...{ provenAt: now, provenBy: proof, countedAt: now },
    };
    this.#unproven = undefined;
    return 'begins';
  }

  /** What our frames list of this peer. */
  heard(now: Instant): readonly HeardSession[] {
    return [this.#proven, this.#unproven].flatMap((each) => {
      if (each === undefined || !isFresh(now, each)) return [];
      return [{ session: each.session, sequence: each.sequence, age: between(each.heardAt, now) }];
    });
  }
}

/**
 * A session that has proven itself counts for MEMORY, listed or not: a frame has no room to list all of many peers, and
 * none of an earlier life has a number above those of this one.
 */
function goOn(now: Instant, proven: Session, { sequence, proof, isToAll }: SignOfLife): Verdict {
  proven.sequence = sequence;
  if (isToAll) proven.lastToAll = sequence;
  proven.heardAt = now;
  if (proof !== undefined) {
    proven.provenAt = now;
    if (proof > proven.provenBy) proven.provenBy = proof;
  }
  if (between(proven.provenAt, now) >= MEMORY) return 'unproven-session';
  proven.countedAt = now;
  return 'counts';
}

const isFresh = (now: Instant, { heardAt }: Pick<Session, 'heardAt'>): boolean =>
  between(heardAt, now) < MEMORY;
