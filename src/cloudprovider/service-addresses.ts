// Makes a Service's addresses what was decided: VirtualIPs are created for it, it joins those of others or a reserved one,
// or leaves them. Each write carries what it was decided on.

import type { Grant } from '../ipam/request.ts';
import { hasCode } from '../kube/api-error.ts';
import { formatAddress } from '../net/address.ts';
import type { Log } from '../observe/log.ts';
import type { ServiceView } from '../plan/views.ts';
import { type VirtualIP, virtualIPName } from '../resource/virtual-ip.ts';
import type { CandidateLists } from './candidate-lists.ts';
import type { ClusterState } from './cluster-state.ts';
import { type ClusterWrites, newVirtualIPSpec, refOf } from './cluster-writes.ts';
import { keyOf } from './mirror.ts';
import type { Reporter } from './reporter.ts';

/** `again`: decide anew on what is known now; `done`: nothing to do until something changes. */
export type Outcome = 'again' | 'done';

export interface ServiceAddressesDeps {
  readonly state: ClusterState;
  readonly lists: CandidateLists;
  readonly writes: ClusterWrites;
  readonly reporter: Reporter;
  readonly log: Log;
}

export class ServiceAddresses {
  readonly #deps: ServiceAddressesDeps;

  constructor(deps: ServiceAddressesDeps) {
    this.#deps = deps;
  }

  /** Afterwards everything that stood in the way is in view. */
  async realise(service: ServiceView, grants: readonly Grant[]): Promise<void> {
    const { state, log } = this.#deps;
    // As they were when it was decided: who has come to one of them meanwhile makes the write fail.
    const targets = grants.map((grant) => ({
      ...grant,
      present: state.virtualIP(virtualIPName(grant.address)),
    }));
    for (const { present, ...grant } of targets) {
      const { address, pool } = grant;
      if (present === undefined) await this.#create(service, grant);
      else await this.#join(service, present, pool);
      log.info('address allocated', { service: keyOf(service), address: formatAddress(address), pool });
    }
  }

  /** `isRetained`: it is kept for a Service of the same name. */
  async leave(service: ServiceView, virtualIPs: readonly VirtualIP[], isRetained: boolean): Promise<Outcome> {
    const { reporter, log } = this.#deps;
    let outcome: Outcome = 'done';
    for (const virtualIP of virtualIPs) {
      try {
        // The watch tells when a deleted one is gone.
        if ((await this.#leaveOne(service, virtualIP, isRetained)) === 'changed') outcome = 'again';
        reporter.normal(service, 'DeletingLoadBalancer', `withdrawing ${formatAddress(virtualIP.address)}`);
        log.info('address released', { service: keyOf(service), virtualIP: virtualIP.name });
      } catch (error) {
        if (hasCode(error, 'NotFound')) this.#deps.state.virtualIPs.gone({ metadata: virtualIP });
        else if (hasCode(error, 'Conflict')) await this.#read(virtualIP.name);
        else throw error;
        return 'again';
      }
    }
    return outcome;
  }

  async #create(service: ServiceView, { address, pool }: Grant): Promise<void> {
    const { state, writes, lists } = this.#deps;
    const name = virtualIPName(address);
    const spec = newVirtualIPSpec(service, {
      address,
      pool,
      ...this.#plan({ name, address }, service, pool),
    });
    try {
      state.virtualIPs.note(await writes.createVirtualIP(name, spec));
    } catch (error) {
      lists.settle(name);
      if (!hasCode(error, 'AlreadyExists')) throw error;
      // Somebody else has it, or we made it just before a crash: with it in view, decide again.
      await this.#read(name);
    }
  }

  async #join(service: ServiceView, virtualIP: VirtualIP, pool: string): Promise<void> {
    const { state, writes, lists } = this.#deps;
    const services = [...virtualIP.services, refOf(service)];
    try {
      if (virtualIP.services.length > 0) {
        state.virtualIPs.note(await writes.replanVirtualIP(virtualIP, { services }));
        return;
      }
      const { address, family, ...spec } = newVirtualIPSpec(service, {
        ...{ address: virtualIP.address, pool, ...this.#plan(virtualIP, service, pool) },
      });
      state.virtualIPs.note(await writes.useVirtualIP(virtualIP, spec));
    } catch (error) {
      lists.settle(virtualIP.name);
      if (!hasCode(error, 'Conflict', 'NotFound')) throw error;
      await this.#read(virtualIP.name);
    }
  }

  #plan(
    { name, address }: Pick<VirtualIP, 'name' | 'address'>,
    service: ServiceView,
    pool: string,
  ): { candidates: readonly string[]; isAnnounced: boolean } {
    const { lists, state } = this.#deps;
    if (!state.isAnnounced(pool)) return { candidates: [], isAnnounced: false };
    const candidates = lists.plan({ name, address, candidates: [], holder: undefined }, [service]);
    return { candidates, isAnnounced: true };
  }

  async #leaveOne(
    service: ServiceView,
    virtualIP: VirtualIP,
    isRetained: boolean,
  ): Promise<'changed' | 'deleted'> {
    const { state, writes } = this.#deps;
    const services = virtualIP.services.filter(({ uid }) => uid !== service.uid);
    const { namespace, name } = service;
    const reservedFor = virtualIP.reservedFor ?? (isRetained ? { namespace, name } : undefined);
    if (services.length === 0 && reservedFor === undefined) {
      await writes.deleteVirtualIP(virtualIP);
      return 'deleted';
    }
    const nobody = services.length === 0 ? { candidates: [] } : {};
    const reserved = reservedFor === undefined ? {} : { reservedFor };
    state.virtualIPs.note(await writes.replanVirtualIP(virtualIP, { services, ...nobody, ...reserved }));
    return 'changed';
  }

  async #read(name: string): Promise<void> {
    const { state, writes } = this.#deps;
    // What the watch brings while the answer is on its way is newer than that.
    const known = state.virtualIPs.get(name);
    try {
      state.virtualIPs.note(await writes.readVirtualIP(name));
    } catch (error) {
      if (!hasCode(error, 'NotFound')) throw error;
      if (known !== undefined) state.virtualIPs.gone({ metadata: known.meta });
    }
  }
}
