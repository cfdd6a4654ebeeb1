// Drawn edits that the simulation does not catch, each with the reason. Every one must be an edit that an operator makes
// of the present source, and one that is drawn must still go uncaught: else it has to go from its list.

import { type EditName, isSameEdit } from './edit.ts';

export interface KnownEdit extends EditName {
  readonly why: string;
}

/** The rules stay kept: nothing that ELECTION.md promises tells the edited source from the right one. */
export const EQUIVALENT: readonly KnownEdit[] = [
  {
    file: 'src/election/peer.ts',
    before: 'return this.sessions.silence(now) <= this.#interval * FRESH_INTERVALS;',
    after: 'return this.sessions.silence(now) < this.#interval * FRESH_INTERVALS;',
    why: 'a bound between "on time" and "overdue" that nothing happens at: either is right for a heartbeat at it',
  },
  {
    file: 'src/election/occupancy.ts',
    before: 'return entry.recordedAt > overdueSince && isClaimedUnheard(entry, view);',
    after: 'return entry.recordedAt >= overdueSince && isClaimedUnheard(entry, view);',
    why: 'a record that comes in the very instant from which on it counts as late: either is right',
  },
  {
    file: 'src/election/claim-order.ts',
    before: 'if (a.epoch !== b.epoch) return a.epoch > b.epoch;',
    after: 'if (a.epoch !== b.epoch) return a.epoch >= b.epoch;',
    why: 'only different epochs are compared there',
  },
  {
    file: 'src/election/claims-offer.ts',
    before: '#isAsked = false;',
    after: '#isAsked = true;',
    why: 'a node begins without claims, and no claims are no pages; else it would tell its claims once more than asked',
  },
];

/** Wrong, and caught by the unit tests only, because no virtual cluster gets there. */
export const OUT_OF_REACH: readonly KnownEdit[] = [
  {
    file: 'src/election/elector.ts',
    before: "return this.#listen(now, input.link, { kind: 'frame', frame: input.frame });",
    after: ';',
    why: 'falls through to what a gap does, which hands the input to all links, and a virtual node has one',
  },
  {
    file: 'src/election/membership.ts',
    before:
      'if (isForgettable && peer.sessions.heard(now).length === 0) { this.#peers.delete(nodeId); this.#audience.forget(nodeId); ' +
      "return known.view === undefined ? [] : [{ kind: 'peer', nodeId, peer: undefined }]; }",
    after: ';',
    why: 'saves memory after a minute of silence, and a schedule lasts one minute',
  },
  {
    file: 'src/election/stall.ts',
    before: 'if (beats !== this.#beats) this.#age = milliseconds(0);',
    after: 'if (beats === this.#beats) this.#age = milliseconds(0);',
    why: 'a virtual main thread has no counter: its node says by itself when it hangs',
  },
  {
    file: 'src/election/entries.ts',
    before: 'if (this.#released.size > REMEMBERED && oldest !== undefined) this.#released.delete(oldest);',
    after: 'if (this.#released.size > REMEMBERED && oldest === undefined) this.#released.delete(oldest);',
    why: 'bounds memory at 4,096 released addresses, and a schedule has half a dozen',
  },
  {
    file: 'src/election/peer.ts',
    before: 'else if (body.heard.length < HEARD_BESIDE_NEWS) this.#hearsMe = false;',
    after: 'else if (body.heard.length <= HEARD_BESIDE_NEWS) this.#hearsMe = false;',
    why: 'concerns lists of fifteen peers, and a virtual cluster has seven nodes at most',
  },
  {
    file: 'src/election/peer-sessions.ts',
    before: 'between(heardAt, now) < MEMORY;',
    after: 'between(heardAt, now) <= MEMORY;',
    why: 'a frame that lists who was heard exactly ten seconds ago; nothing else changes with it',
  },
  {
    file: 'src/election/revocations.ts',
    before: "isConcerned ||= isNews || each.kind === 'peer';",
    after: "isConcerned ||= isNews && each.kind === 'peer';",
    why: 'the judge asks what becomes of a claim that was revoked, not whether each is that should be',
  },
  {
    file: 'src/election/revocations.ts',
    before:
      "(revocation.state === 'Refuted' && hasPassed(after(revocation.since, options.refutalTrust), now));",
    after:
      "(revocation.state === 'Refuted' || hasPassed(after(revocation.since, options.refutalTrust), now));",
    why: 'asks the API more often, and gets the same answer',
  },
  {
    file: 'src/election/sequence-numbers.ts',
    before: 'const listed = latest - BigInt.asUintN(32, latest - BigInt(low));',
    after: 'const listed = latest - BigInt.asUintN(3.2, latest - BigInt(low));',
    why: 'believes frames of former lives, which somebody would have to send again: the virtual network does not',
  },
];

export const isListed = (list: readonly KnownEdit[], edit: EditName): boolean =>
  list.some((known) => isSameEdit(known, edit));
