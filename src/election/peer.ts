// One peer of a segment as its heartbeats show it: whether it lives, what it says of itself and of the others, and what
// it claims. ELECTION.md sections 1 and 2.

import type {
  Heard,
  HeardKey,
  HeartbeatFlags,
  HeartbeatFrame,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import { type Duration, milliseconds, times } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import { ClaimsMirror, type MirrorChange } from './claims-mirror.ts';
import { PeerSessions } from './peer-sessions.ts';
import type { PeerView } from './segment.ts';
import { WitnessLists } from './witness-lists.ts';

/** Who has received a frame. */
export interface Listener {
  /** How the frame lists its present session; undefined if it does not. */
  readonly listed: Heard | undefined;
  /** How long it may be silent. */
  readonly detection: Duration;
  /** How long any of its peers may be. */
  readonly longestDetection: Duration;
}

const SILENT_FLAGS: HeartbeatFlags = {
  ...{ isLeaving: false, isUnable: false, isHung: false },
  ...{ hasNoApi: false, isAlone: false },
};

/** A sender that has news to tell lists fewer than this, and else up to all that a frame has room for. */
export const HEARD_BESIDE_NEWS = 15;

/** A heartbeat that is late by half an interval is overdue. */
const FRESH_INTERVALS = 1.5;

export class Peer {
  readonly sessions = new PeerSessions();
  #claims = new ClaimsMirror();
  #flags = SILENT_FLAGS;
  #interval: Duration = milliseconds(0);
  #detection: Duration = milliseconds(0);
  #hearsMe = false;
  /** When it last heard anybody, by what it said; undefined before its first list. */
  #heardAnybodyAt: Instant | undefined;
  #saidAt: Instant | undefined;
  readonly #witnesses = new WitnessLists();

  get isStale(): boolean {
    return this.#claims.isStale;
  }

  /** When it is dead if nothing is heard until then. */
  deadAt(now: Instant): Instant | undefined {
    const silence = this.sessions.silence(now);
    return Number.isFinite(silence) ? after(now, milliseconds(this.#detection - silence)) : undefined;
  }

  isSilent(now: Instant): boolean {
    return this.sessions.silence(now) >= this.#detection;
  }

  /** Its last heartbeat is not overdue. */
  isFresh(now: Instant): boolean {
    return this.sessions.silence(now) <= this.#interval * FRESH_INTERVALS;
  }

  /** A new session: what the former one claimed and heard is void; what it said of itself stays until it says otherwise. */
  begin(): MirrorChange {
    const { gone } = this.#claims.clear();
    this.#witnesses.clear();
    this.#heardAnybodyAt = undefined;
    return { changed: [], gone };
  }

  /** Takes what a frame that counts says. */
  believe(now: Instant, frame: HeartbeatFrame, listener: Listener): MirrorChange {
    this.#flags = frame.flags;
    this.#interval = frame.interval;
    this.#detection = times(frame.interval, frame.multiplier);
    if (isBeat(frame)) this.#takeHeard(now, frame, listener);
    return this.#claims.take(frame.claimsDigest, frame.body.claims);
  }

  #takeHeard(
    now: Instant,
    { body }: HeartbeatFrame,
    { listed, detection, longestDetection }: Listener,
  ): void {
    this.#saidAt = now;
    const youngest = body.heard.youngest();
    if (youngest !== undefined) {
      this.#witnesses.take(now, body.heard, longestDetection);
      const heardAt = after(now, milliseconds(-youngest));
      if (this.#heardAnybodyAt === undefined || heardAt > this.#heardAnybodyAt)
        this.#heardAnybodyAt = heardAt;
    }
    if (listed !== undefined) this.#hearsMe = listed.age < detection;
    else if (body.heard.length < HEARD_BESIDE_NEWS) this.#hearsMe = false;
  }

  /** Until when this peer, which is heard, counts as hearing the other one, and something that `sequence` is older than. */
  hears(node: HeardKey, than: { readonly session: bigint; readonly sequence: number }): Instant | undefined {
    const witness = this.#witnesses.find(node);
    if (witness === undefined) return undefined;
    const isNewer = witness.session !== than.session || ((witness.sequence - than.sequence) | 0) > 0;
    return isNewer ? witness.heardAt : undefined;
  }

  get interval(): Duration {
    return this.#interval;
  }

  get detection(): Duration {
    return this.#detection;
  }

  get hearsMe(): boolean {
    return this.#hearsMe;
  }

  /** At its last list it had heard nobody for as long as it takes to be dead, of those who beat at `interval` or faster. */
  heardNobody(interval: Duration): boolean {
    if (this.#saidAt === undefined || this.#heardAnybodyAt === undefined) return false;
    const factor = Math.max(1, interval / this.#interval);
    return hasPassed(after(this.#heardAnybodyAt, times(this.#detection, factor)), this.#saidAt);
  }

  /** The low 32 bits of the last number that counted, with its session, however long ago. */
  lastHeard(): { readonly session: bigint; readonly sequence: number } | undefined {
    const { last } = this.sessions;
    return last && { session: last.session, sequence: Number(BigInt.asIntN(32, last.sequence)) };
  }

  view(state: PeerView['state'], isDeaf: boolean): PeerView {
    const { isLeaving, isUnable, isHung } = this.#flags;
    const hasAllClaims = !this.isStale;
    const hearsMe = this.#hearsMe;
    const detection = this.#detection;
    return { state, isLeaving, isUnable, isHung, isDeaf, hearsMe, hasAllClaims, detection };
  }
}

/** Lists all whom its sender hears; pages and offers come without a list, and what else goes to one peer with one entry. */
function isBeat({ receiverSession, body }: HeartbeatFrame): boolean {
  const { heard, claims, offers, isClaimsRequest } = body;
  if ((claims !== undefined && claims.pages > 0) || offers.length > 0) return false;
  return receiverSession === 0n || (heard.length > 0 && !isClaimsRequest);
}

export const isSameView = (a: PeerView | undefined, b: PeerView): boolean =>
  a !== undefined &&
  a.state === b.state &&
  a.isLeaving === b.isLeaving &&
  a.isUnable === b.isUnable &&
  a.isHung === b.isHung &&
  a.isDeaf === b.isDeaf &&
  a.hearsMe === b.hearsMe &&
  a.hasAllClaims === b.hasAllClaims;
