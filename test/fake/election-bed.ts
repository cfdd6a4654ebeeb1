// The election of one node in virtual time: what it hears and is told, said in short, and what it does, as text.

import { Election } from '../../src/election/election.ts';
import type { ElectionInput, ElectionOutput, News } from '../../src/election/election-messages.ts';
import type { PeerView } from '../../src/election/segment.ts';
import type { ElectionOptions, KnownRecord, Probe, WantedElection } from '../../src/election/tenure.ts';
import type { Timeout } from '../../src/protocol/machine.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { after, type Instant, instant } from '../../src/time/instant.ts';
import { DEFAULT_HEARTBEAT, electionTimes } from '../../src/wire-worker/election-times.ts';
import { claimOf } from './fake-segment.ts';

export const ME = 1n;
export const SEGMENT = 2;

export const OPTIONS: ElectionOptions = {
  ...electionTimes(DEFAULT_HEARTBEAT),
  me: ME,
};

export const LIVE: PeerView = {
  ...{ state: 'Live', isLeaving: false, isUnable: false, isHung: false, isDeaf: false },
  ...{ hearsMe: true, hasAllClaims: true, detection: milliseconds(300) },
};

export const NOBODY: KnownRecord = { holder: undefined, epoch: 0 };

/** The address of a number; nodes 1 to 4 are candidates for it in this order. */
export const wantedOf = (number = 5, changes: Partial<WantedElection> = {}): WantedElection => ({
  ...{ uid: `vip${number}`, shortUid: BigInt(number), createdAt: 0, candidates: [1n, 2n, 3n, 4n] },
  ...{ record: NOBODY, segment: SEGMENT, isLastResort: false, moveTo: undefined },
  ...changes,
});

type Claim = Parameters<typeof claimOf>[2];

export class ElectionBed {
  readonly election: Election;
  readonly #done: string[] = [];
  now: Instant = instant(1_000_000);

  /** The node has listened for long enough, unless it is `isNew`. */
  constructor({ isNew = false, ...options }: Partial<ElectionOptions> & { readonly isNew?: boolean } = {}) {
    this.election = new Election({ ...OPTIONS, ...options });
    this.give({ kind: 'segment', segment: SEGMENT, isOpen: true });
    if (!isNew) this.pass(500);
  }

  give(input: ElectionInput | Timeout): void {
    const outputs = this.election.step(this.now, input);
    this.#done.push(...outputs.map(describe));
  }

  /** Lets milliseconds of virtual time pass. */
  pass(count: number): void {
    const end = after(this.now, milliseconds(count));
    for (
      let due = this.election.deadline();
      due !== undefined && due <= end;
      due = this.election.deadline()
    ) {
      if (due > this.now) this.now = due;
      this.give({ kind: 'timeout' });
      const next = this.election.deadline();
      if (next !== undefined && next <= this.now)
        throw new Error('a deadline that its timeout did not serve');
    }
    this.now = end;
  }

  /** What was done since the last call. */
  done(): readonly string[] {
    return this.#done.splice(0);
  }

  want(...addresses: readonly WantedElection[]): void {
    this.give({ kind: 'want', isWhole: false, addresses, dropped: [] });
  }

  hear(...news: readonly News[]): void {
    this.give({ kind: 'heard', segment: SEGMENT, news });
  }

  /** Peers are as they say. */
  peer(changes: Partial<PeerView>, ...nodes: readonly bigint[]): void {
    this.hear(...nodes.map((nodeId) => ({ kind: 'peer', nodeId, peer: { ...LIVE, ...changes } }) as const));
  }

  /** A peer claims an address. */
  claim(
    nodeId: bigint,
    epoch: number,
    { number = 5, ...changes }: Claim & { readonly number?: number } = {},
  ): void {
    this.hear({ kind: 'claims', nodeId, changed: [claimOf(number, epoch, changes)], gone: [] });
  }

  /** A peer claims it no more. */
  unclaim(nodeId: bigint, number = 5): void {
    this.hear({ kind: 'claims', nodeId, changed: [], gone: [BigInt(number)] });
  }

  offer(nodeId: bigint, epoch: number, number = 5): void {
    this.hear({ kind: 'offered', nodeId, offers: [{ uid: BigInt(number), epoch, to: ME }] });
  }

  /** A peer calls an address deleted. */
  revoked(nodeId: bigint, ...numbers: readonly number[]): void {
    this.hear({ kind: 'revoked', nodeId, uids: numbers.map(BigInt) });
  }

  leases(...alive: readonly bigint[]): void {
    this.give({ kind: 'leases', alive });
  }

  probed(address: Probe, gateway: Probe = 'Answered', uid = 'vip5'): void {
    this.give({ kind: 'probed', uid, address, gateway });
  }

  /** `5@3 recorded alone leaving`. */
  held(): readonly string[] {
    return this.election.held.all().map(({ uid, epoch, isRecorded, isAlone, isLeaving }) => {
      const flags = { recorded: isRecorded, alone: isAlone, leaving: isLeaving };
      const names = Object.entries(flags).flatMap(([name, isTrue]) => (isTrue ? [name] : []));
      return [`${uid}@${epoch}`, ...names].join(' ');
    });
  }
}

function describe(output: ElectionOutput): string {
  switch (output.kind) {
    case 'announce':
      return `announce ${output.uid}@${output.epoch}`;
    case 'claim':
      return `record ${output.uid}@${output.epoch} over ${output.previous}`;
    case 'probe':
      return `probe ${output.uid}`;
    case 'offer':
      return `offer vip${output.uid}@${output.epoch} to ${output.to}`;
    case 'withdraw':
      return `withdraw ${output.uid}: ${output.reason}`;
    case 'revoke':
      return `revoke ${output.uids.map((uid) => `vip${uid}`).join(' ')}`.trimEnd();
    case 'revoked':
      return `ask for ${output.uid}`;
    case 'left':
      return 'left';
  }
}

/** A node that holds an address at epoch 1, recorded, and hears others. */
export function holding(...peers: readonly bigint[]): ElectionBed {
  const bed = new ElectionBed();
  bed.peer({}, ...peers);
  bed.want(wantedOf());
  bed.give({ kind: 'recorded', uid: 'vip5', epoch: 1 });
  bed.done();
  return bed;
}

/** A peer that is no candidate for anything: with it nobody is alone. */
export const BYSTANDER = 9n;

/** A node that watches an address of node `holder`, recorded at epoch 4; it is the candidate of this rank among others. */
export function watching(holder: bigint, rank: number, ...others: readonly bigint[]): ElectionBed {
  const candidates = [holder, ...others];
  candidates.splice(rank, 0, ME);
  const bed = new ElectionBed();
  bed.leases(ME, holder, ...others);
  bed.peer({}, holder, ...others, BYSTANDER);
  bed.claim(holder, 4);
  bed.want(wantedOf(5, { candidates, record: { holder, epoch: 4 } }));
  bed.pass(5000);
  bed.done();
  return bed;
}
