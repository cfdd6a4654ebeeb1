// Drives the election of this node: gives it what links, peers and the main thread say, in its own terms, and performs
// what it wants said or asked on the wire. What it wants answered and recorded is the loop's. ELECTION.md.

import { LinkChoice } from '../announce/l2/link-choice.ts';
import type { HeldElection } from '../election/election-messages.ts';
import { Elector, type ElectorInput, type ElectorOptions, type ElectorOutput } from '../election/elector.ts';
import type { WantedElection } from '../election/tenure.ts';
import type { Link, WireHost } from '../host/host.ts';
import type { Address } from '../net/address.ts';
import type { Timeout } from '../protocol/machine.ts';
import type { Duration } from '../time/duration.ts';
import { earlier, hasPassed, type Instant } from '../time/instant.ts';
import { HeartbeatCounters, type HeartbeatTotals } from './heartbeat-counters.ts';
import { type HeartbeatSettings, identityOf, shortUid } from './heartbeat-settings.ts';
import { Heartbeats } from './heartbeats.ts';
import type { Log } from './log.ts';
import type { ToWorker } from './messages.ts';
import type { NodeIds } from './node-ids.ts';
import { PeerReports, type PeerReportsDeps } from './peer-reports.ts';
import { Prober } from './prober.ts';
import type { WantedAddresses } from './wanted-addresses.ts';

export interface ElectionDriverDeps {
  readonly node: string;
  readonly host: WireHost;
  readonly ids: NodeIds;
  readonly wanted: WantedAddresses;
  readonly options: Omit<ElectorOptions, 'me'>;
  /** Of the main thread's last tick. */
  readonly mainAge: () => Duration;
  readonly log: Log;
  readonly reportPeers: PeerReportsDeps['report'];
}

/** What the election wants answered, recorded and told. */
export type Decision = Exclude<ElectorOutput, { readonly kind: 'transmit' | 'drop' | 'peer' | 'probe' }>;

type Want = Extract<ToWorker, { readonly kind: 'want' }>;

export class ElectionDriver {
  readonly #deps: ElectionDriverDeps;
  readonly #ids: NodeIds;
  readonly #elector: Elector;
  readonly #counters = new HeartbeatCounters();
  readonly #heartbeats: Heartbeats;
  readonly #prober: Prober;
  #choice = new LinkChoice([]);
  #links: ReadonlyMap<number, Link> = new Map();
  readonly #peers: PeerReports;
  #gateways: ReadonlyMap<number, readonly Address[]> = new Map();
  #fds: {
    readonly heartbeats: readonly number[];
    readonly probes: readonly number[];
    readonly all: readonly number[];
  };

  constructor(deps: ElectionDriverDeps) {
    this.#deps = deps;
    const { node, host, ids, options, log } = deps;
    this.#ids = ids;
    this.#elector = new Elector({ ...options, me: this.#ids.idOf(node) });
    this.#heartbeats = new Heartbeats({ host, log, counters: this.#counters });
    this.#prober = new Prober({ host, log });
    this.#peers = new PeerReports({ ids: this.#ids, log, report: deps.reportPeers });
    this.#fds = { heartbeats: this.#heartbeats.fds, probes: this.#prober.fds, all: [] };
  }

  /** The descriptors to wait for: the same array until one is opened or closed. */
  get fds(): readonly number[] {
    const [heartbeats, probes] = [this.#heartbeats.fds, this.#prober.fds];
    if (heartbeats !== this.#fds.heartbeats || probes !== this.#fds.probes)
      this.#fds = { heartbeats, probes, all: [...heartbeats, ...probes] };
    return this.#fds.all;
  }

  /** Heartbeats are waiting that `receive` has not read yet. */
  get hasMore(): boolean {
    return this.#heartbeats.hasMore;
  }

  deadline(): Instant | undefined {
    return earlier(this.#elector.deadline(), earlier(this.#heartbeats.deadline(), this.#prober.deadline()));
  }

  totals(): HeartbeatTotals {
    return this.#counters.totals();
  }

  held(): readonly HeldElection[] {
    return this.#elector.held();
  }

  heldOf(uid: string): HeldElection | undefined {
    return this.#elector.heldOf(uid);
  }

  /** The name of the link that would answer for an address; undefined while none fits. */
  linkOf(uid: string): string | undefined {
    return this.#linkOf(uid)?.name;
  }

  /** Heartbeats begin, or go on with other keys. */
  configure(now: Instant, settings: HeartbeatSettings): readonly Decision[] {
    const identity = identityOf(this.#deps.node, settings, this.#deps.host.digests);
    this.#heartbeats.configure(now, identity);
    return this.step(now, { kind: 'identity', identity });
  }

  /** The links as they are now; `gateways` by the index of their link. */
  setLinks(
    now: Instant,
    links: readonly Link[],
    gateways: ReadonlyMap<number, readonly Address[]>,
  ): readonly Decision[] {
    this.#heartbeats.update(now, links);
    this.#choice = new LinkChoice(links);
    this.#gateways = gateways;
    const before = this.#links;
    this.#links = new Map(links.filter(isOpen).map((link) => [link.index, link]));
    const decisions: Decision[] = [];
    for (const link of before.keys()) {
      if (this.#links.has(link)) continue;
      this.#peers.forget(link);
      decisions.push(...this.step(now, { kind: 'link', link, isOpen: false }));
    }
    for (const link of this.#links.keys())
      if (!before.has(link)) decisions.push(...this.step(now, { kind: 'link', link, isOpen: true }));
    // Another link may be the one that fits.
    const addresses = Array.from(this.#deps.wanted.uids(), (uid) => this.#wantedOf(uid));
    return [...decisions, ...this.step(now, { kind: 'want', isWhole: true, addresses, dropped: [] })];
  }

  want(now: Instant, message: Want): readonly Decision[] {
    const { addresses, dropped } = this.#deps.wanted.take(message);
    const wanted = addresses.map(({ uid }) => this.#wantedOf(uid));
    return this.step(now, { kind: 'want', isWhole: message.isWhole, addresses: wanted, dropped });
  }

  #wantedOf(uid: string): WantedElection {
    return this.#deps.wanted.place(uid, this.#linkOf(uid)?.index);
  }

  #linkOf(uid: string): Link | undefined {
    const { address, interfaces } = this.#deps.wanted.get(uid);
    return this.#choice.choose(address, interfaces);
  }

  /** The nodes whose Leases live. */
  setAlive(now: Instant, alive: readonly string[]): readonly Decision[] {
    const ids = alive.map((name) => this.#ids.idOf(name));
    this.#peers.rename();
    return this.step(now, { kind: 'leases', alive: ids });
  }

  /** VirtualIPs that are deleted, by their uids. */
  setDeleted(now: Instant, uids: readonly string[]): readonly Decision[] {
    return this.step(now, { kind: 'deleted', uids: uids.map(shortUid) });
  }

  /** Reads what is waiting. */
  receive(now: Instant, ready: readonly number[]): readonly Decision[] {
    this.#prober.receive(ready);
    const decisions: Decision[] = [];
    for (const { link, frame, from } of this.#heartbeats.receive(now, ready)) {
      const outputs = this.#elector.step(now, { kind: 'frame', link, frame });
      const drop = outputs.find((output) => output.kind === 'drop');
      if (drop === undefined) {
        this.#counters.received++;
        this.#heartbeats.link(link)?.learn(now, frame.nodeId, from);
      } else {
        const node = this.#ids.nameOf(frame.nodeId);
        this.#heartbeats.link(link)?.drop(now, drop.reason, { frame, from, node });
      }
      decisions.push(...this.#perform(now, outputs));
    }
    return decisions;
  }

  timeouts(now: Instant): readonly Decision[] {
    this.#heartbeats.timeouts(now);
    const decisions = this.#prober
      .timeouts(now)
      .flatMap((result) => this.step(now, { kind: 'probed', ...result }));
    const deadline = this.#elector.deadline();
    if (deadline === undefined || !hasPassed(deadline, now)) return decisions;
    return [...decisions, ...this.step(now, { kind: 'timeout' })];
  }

  step(now: Instant, input: ElectorInput | Timeout): readonly Decision[] {
    return this.#perform(now, this.#elector.step(now, input));
  }

  #perform(now: Instant, outputs: readonly ElectorOutput[]): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const output of outputs) {
      switch (output.kind) {
        case 'transmit':
          this.#heartbeats.link(output.link)?.transmit({ ...output, mainAge: this.#deps.mainAge() });
          break;
        case 'drop':
          // Told with the frame.
          break;
        case 'peer':
          if (output.peer === undefined) this.#heartbeats.link(output.link)?.forget(output.node);
          this.#tell(output);
          break;
        case 'probe':
          this.#probe(now, output.uid);
          break;
        default:
          if (output.kind === 'withdraw') this.#prober.forget(output.uid);
          decisions.push(output);
      }
    }
    return decisions;
  }

  #probe(now: Instant, uid: string): void {
    const { address } = this.#deps.wanted.get(uid);
    const link = this.#linkOf(uid);
    if (link !== undefined) this.#prober.probe(now, { uid, address, link, gateway: this.#gatewayOf(link) });
  }

  /** The first one that has an IPv4 address. */
  #gatewayOf({ index }: Link): number | undefined {
    const gateway = this.#gateways.get(index)?.find(({ family }) => family === 'IPv4');
    return gateway && Number(gateway.value);
  }

  #tell({ link, node, peer }: Extract<ElectorOutput, { readonly kind: 'peer' }>): void {
    const known = this.#links.get(link);
    if (known !== undefined) this.#peers.tell(known, node, peer);
  }

  close(): void {
    this.#heartbeats.close();
    this.#prober.close();
  }
}

const isOpen = ({ isEthernet, state }: Link): boolean => isEthernet && state === 'Up';
