// Brings the API's record of one VirtualIP in line with what the wire worker does: writes our claim, keeps the
// condition of what we hold true, and takes off the finalizer of what we have let go. Run per name by a work queue,
// which bounds the writes in flight and spaces out what has to be tried again.

import type { Clock, WallClock } from '../host/host.ts';
import type { KubeApi, ReconcileResult } from '../kube/api.ts';
import { VIRTUAL_IP } from '../kube/kinds.ts';
import type { ClaimResult } from '../observe/agent-metrics.ts';
import type { Log } from '../observe/log.ts';
import { desiredAddress } from '../plan/desired.ts';
import type { FromWorker, ToWorker } from '../wire-worker/messages.ts';
import { writeFailure } from './api-errors.ts';
import { Refusals } from './refusals.ts';
import { announcementPatch, claimPatch, releasePatch, withdrawnPatch } from './status-patches.ts';
import type { KnownVirtualIP, VirtualIPs } from './virtual-ips.ts';
import type { Wanted } from './wanted.ts';
import type { WireState } from './wire-state.ts';

type ClaimMessage = Extract<FromWorker, { readonly kind: 'claim' }>;

interface Claim extends ClaimMessage {
  previous: number;
  /** A former attempt may have been written although we saw no answer. */
  isAmbiguous: boolean;
}

export interface ReconcilerDeps {
  readonly node: string;
  readonly api: KubeApi;
  readonly virtualIPs: VirtualIPs;
  readonly wanted: Wanted;
  readonly wire: WireState;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly send: (message: ToWorker) => void;
  readonly countClaim: (result: ClaimResult) => void;
}

/** What is told of when the API does not permit it. */
const CLAIM = 'claim not written';
const READ = 'record of a refused claim not read';
const STATUS = 'status of VirtualIP not written';
const FINALIZER = 'finalizer of VirtualIP not removed';

/** Is it wanted because of what the API says alone? */
const NEITHER = { isHeld: false, isAble: false };

const DONE: ReconcileResult = { kind: 'done' };
const RETRY: ReconcileResult = { kind: 'retry' };

export class VirtualIPReconciler {
  readonly #deps: ReconcilerDeps;
  /** By name of the VirtualIP: there is one object of a name at a time. */
  readonly #claims = new Map<string, Claim>();
  /** The last claim of each name that was recorded and not withdrawn since. */
  readonly #recorded = new Map<string, Pick<Claim, 'uid' | 'epoch'>>();
  /** Uids by name of what we have released and the watch still shows. */
  readonly #released = new Map<string, string>();

  readonly #refusals: Refusals;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    this.#refusals = new Refusals(deps.log, deps.clock);
  }

  /** The worker wants this written; it replaces a former claim, which may have been written although nobody knows yet. */
  claim(message: ClaimMessage): void {
    this.#claims.set(message.name, { ...message, isAmbiguous: this.#claims.has(message.name) });
  }

  /** The worker has let go: what was not written yet is not written any more. */
  withdrawn({ name, uid }: { readonly name: string; readonly uid: string }): void {
    if (this.#claims.get(name)?.uid === uid) this.#claims.delete(name);
    if (this.#recorded.get(name)?.uid === uid) this.#recorded.delete(name);
  }

  /** Brings one VirtualIP up to date; rejects only for a bug of ours. */
  async reconcile(name: string): Promise<ReconcileResult> {
    const virtualIP = this.#deps.virtualIPs.get(name);
    const claim = this.#claims.get(name);
    // A claim for an object which is not there any more is lost without asking.
    if (claim !== undefined && claim.uid !== virtualIP?.uid) return this.#settle(claim, 'refused');
    if (virtualIP?.uid !== this.#released.get(name)) this.#released.delete(name);
    if (virtualIP === undefined) return DONE;
    if (claim !== undefined) return this.#writeClaim(virtualIP, claim);
    if (this.#hasGoneBack(virtualIP)) return this.#recordAgain(virtualIP);
    if (virtualIP.record.holder !== this.#deps.node) return DONE;
    if (virtualIP.isDeleting) return this.#release(virtualIP);
    const isWanted = desiredAddress(virtualIP, this.#deps.node, NEITHER) !== undefined;
    return isWanted ? this.#updateAnnouncement(virtualIP) : this.#sayWithdrawn(virtualIP);
  }

  async #writeClaim(virtualIP: KnownVirtualIP, claim: Claim): Promise<ReconcileResult> {
    const { api, node, wallClock, virtualIPs } = this.#deps;
    const announcement = { node, link: claim.link };
    const patch = claimPatch(virtualIP, { ...claim, announcement }, wallClock.timestamp());
    try {
      const written = await api.patch(VIRTUAL_IP, { name: claim.name }, patch, { subresource: 'status' });
      this.#refusals.succeeded(CLAIM);
      this.#follow(claim);
      this.#settle(claim, 'recorded');
      virtualIPs.note(written);
      return DONE;
    } catch (error) {
      return this.#claimFailed(claim, error);
    }
  }

  async #claimFailed(claim: Claim, error: unknown): Promise<ReconcileResult> {
    const failure = writeFailure(error);
    this.#refusals.failed(CLAIM, { name: claim.name, error });
    if (failure === 'Gone') return this.#settle(claim, 'refused');
    if (failure === 'Refused') return this.#claimRefused(claim, error);
    if (failure === 'Ambiguous') claim.isAmbiguous = true;
    this.#deps.countClaim('retried');
    return RETRY;
  }

  /**
   * The record is not as the claim supposed. Almost always somebody else was first; but it may show our own claim, if
   * an earlier attempt was written and its answer lost, so then the record is read before giving up.
   */
  async #claimRefused(claim: Claim, refusal: unknown): Promise<ReconcileResult> {
    if (!claim.isAmbiguous) this.#settle(claim, 'refused');
    const { api, node, log, virtualIPs } = this.#deps;
    try {
      const { name, uid, epoch } = claim;
      virtualIPs.note(await api.get(VIRTUAL_IP, { name }));
      const known = virtualIPs.get(name);
      const isOurs = known?.uid === uid && known.record.holder === node && known.record.epoch === epoch;
      if (known?.uid === uid && this.#isOvertaken(claim, known)) return this.#writeClaim(known, claim);
      // Then it was not the test that failed but the server's validation: our bug, or another version's schema.
      if (known?.record.epoch === claim.previous)
        log.error('claim not valid', { name, epoch, error: refusal });
      return this.#settle(claim, isOurs ? 'recorded' : 'refused');
    } catch (error) {
      if (writeFailure(error) === 'Gone') return this.#settle(claim, 'refused');
      this.#refusals.failed(READ, { name: claim.name, error });
      return RETRY;
    }
  }

  /** An earlier claim of ours was written, which this one did not know of when it was made. */
  #isOvertaken(claim: Claim, { record }: KnownVirtualIP): boolean {
    const { epoch, holder } = record;
    if (holder !== this.#deps.node || epoch <= claim.previous || epoch >= claim.epoch) return false;
    claim.previous = epoch;
    return true;
  }

  /** A newer claim that was made while this one was being written stands on top of it. */
  #follow({ name, uid, epoch }: Claim): void {
    const next = this.#claims.get(name);
    if (next === undefined || next.uid !== uid || next.epoch <= epoch) return;
    next.previous = epoch;
    next.isAmbiguous = false;
    this.#deps.send({ kind: 'recorded', uid, epoch });
  }

  /** Tells the worker how its claim ended, unless that claim was withdrawn or replaced meanwhile. */
  #settle(claim: Claim, result: 'recorded' | 'refused'): ReconcileResult {
    const { uid, epoch, name } = claim;
    if (this.#claims.get(name) !== claim) return DONE;
    this.#claims.delete(name);
    if (result === 'recorded') this.#recorded.set(name, { uid, epoch });
    this.#deps.countClaim(result);
    this.#deps.log.info(result === 'recorded' ? 'claim recorded' : 'claim refused', { name, epoch });
    this.#deps.send({ kind: result, uid, epoch });
    return DONE;
  }

  /** What is known of the API never goes back by itself: the status was wiped, or the cluster restored from a backup. */
  #hasGoneBack({ name, uid, isDeleting, record }: KnownVirtualIP): boolean {
    const recorded = this.#recorded.get(name);
    return !isDeleting && recorded?.uid === uid && record.epoch < recorded.epoch;
  }

  /**
   * The worker takes an older record for a late one and goes on answering. If the API kept it, an agent that starts now
   * would claim the address with a lower epoch, and two would answer.
   */
  async #recordAgain(virtualIP: KnownVirtualIP): Promise<ReconcileResult> {
    const { api, node, wire, wallClock, log } = this.#deps;
    const { name, uid, record } = virtualIP;
    const held = wire.held(uid);
    if (held === undefined || held.epoch !== this.#recorded.get(name)?.epoch) return DONE;
    log.warn('record has gone back, claim is recorded again', {
      name,
      epoch: held.epoch,
      found: record.epoch,
    });
    const claim = { epoch: held.epoch, previous: record.epoch, announcement: { node, link: held.link } };
    const patch = claimPatch(virtualIP, claim, wallClock.timestamp());
    return this.#write(virtualIP, STATUS, () =>
      api.patch(VIRTUAL_IP, { name }, patch, { subresource: 'status' }),
    );
  }

  async #updateAnnouncement(virtualIP: KnownVirtualIP): Promise<ReconcileResult> {
    const { node, wire, wallClock } = this.#deps;
    const held = wire.held(virtualIP.uid);
    if (held === undefined || held.epoch !== virtualIP.record.epoch) return DONE;
    const patch = announcementPatch(virtualIP, { node, link: held.link }, wallClock.timestamp());
    if (patch === undefined) return DONE;
    return this.#write(virtualIP, STATUS, () =>
      this.#deps.api.patch(VIRTUAL_IP, { name: virtualIP.name }, patch, { subresource: 'status' }),
    );
  }

  /** No Service uses it any more, but it stays: reserved, or retained for one of the same name. */
  async #sayWithdrawn(virtualIP: KnownVirtualIP): Promise<ReconcileResult> {
    const { api, wallClock } = this.#deps;
    const { name } = virtualIP;
    if (!this.#isSilent(virtualIP)) return DONE;
    const patch = withdrawnPatch(virtualIP, wallClock.timestamp());
    if (patch === undefined) return DONE;
    return this.#write(virtualIP, STATUS, () =>
      api.patch(VIRTUAL_IP, { name }, patch, { subresource: 'status' }),
    );
  }

  /** Neither answered here, nor among what the worker was last told to want. */
  #isSilent(virtualIP: KnownVirtualIP): boolean {
    return this.#deps.wire.held(virtualIP.uid) === undefined && !this.#deps.wanted.isSent(virtualIP);
  }

  async #release(virtualIP: KnownVirtualIP): Promise<ReconcileResult> {
    const { uid, name } = virtualIP;
    if (this.#released.has(name)) return DONE;
    if (!this.#isSilent(virtualIP)) return DONE;
    const patch = releasePatch(virtualIP);
    if (patch === undefined) return DONE;
    const result = await this.#write(virtualIP, FINALIZER, () =>
      this.#deps.api.patch(VIRTUAL_IP, { name }, patch),
    );
    if (result.kind !== 'done') return result;
    this.#released.set(name, uid);
    this.#deps.log.info('address released', { name });
    return result;
  }

  /** A refused write is tried again too: the watch brings what changed, and then the patch is another one. */
  async #write(
    { name }: KnownVirtualIP,
    what: string,
    send: () => Promise<Parameters<VirtualIPs['note']>[0]>,
  ): Promise<ReconcileResult> {
    try {
      this.#deps.virtualIPs.note(await send());
      this.#refusals.succeeded(what);
      return DONE;
    } catch (error) {
      const failure = writeFailure(error);
      this.#refusals.failed(what, { name, error });
      return failure === 'Gone' ? DONE : RETRY;
    }
  }
}
