// The agent's part of the metrics: what it holds and answers, what it dropped and why, its claims, its Lease.

import { Counter, Gauge } from 'prom-client';
import { ProgramMetrics, type ProgramOptions } from './metrics.ts';

/** Totals since the wire worker's start. */
export interface WireTotals {
  readonly repliesByLink: Readonly<Record<string, number>>;
  readonly announcementsByLink: Readonly<Record<string, number>>;
  readonly dropsByReason: Readonly<Record<string, number>>;
  readonly transmitErrors: number;
  /** Requests that the kernel dropped because a socket's queue was full. */
  readonly kernelDrops: number;
  /** How often the worker's loop woke up. */
  readonly turns: number;
  readonly heartbeats: {
    readonly transmitted: number;
    readonly received: number;
    readonly transmitErrors: number;
    readonly dropsByReason: Readonly<Record<string, number>>;
  };
}

export interface AgentSources {
  heldCount(): number;
  /** Whether kube-proxy on this node does its work, as far as it is asked. */
  isProxyHealthy(): boolean;
  /** Seconds since this node's Lease was last renewed, or undefined if it never was. */
  leaseAge(): number | undefined;
  /** Undefined if the worker does not answer in time; then the page keeps the former totals. */
  wireTotals(): Promise<WireTotals | undefined>;
}

/** `recorded` in the API, `refused` by it, `retried` because it could not be reached or would not answer. */
export type ClaimResult = 'recorded' | 'refused' | 'retried';

export class AgentMetrics extends ProgramMetrics {
  readonly #claims: Counter;
  readonly #held: Gauge;
  readonly #leaseAge: Gauge;
  readonly #proxyHealthy: Gauge;
  readonly #replies: Counter;
  readonly #announcements: Counter;
  readonly #drops: Counter;
  readonly #transmitErrors: Counter;
  readonly #kernelDrops: Counter;
  readonly #turns: Counter;
  readonly #heartbeats: Readonly<Record<'transmitted' | 'received' | 'transmitErrors' | 'drops', Counter>>;
  #sources: AgentSources | undefined;

  constructor(options: ProgramOptions) {
    super('agent', options);
    const registers = [this.registry];
    const counter = (name: string, help: string, ...labelNames: readonly string[]) =>
      new Counter({ name: `fairlead_${name}`, help, labelNames: [...labelNames], registers });
    const gauge = (name: string, help: string) => new Gauge({ name: `fairlead_${name}`, help, registers });
    this.#claims = counter('claims_total', 'Claims written to the API by result.', 'result');
    this.#held = gauge('held_addresses', 'Addresses that this node answers for.');
    this.#leaseAge = gauge('lease_renew_age_seconds', "Time since this node's Lease was last renewed.");
    this.#proxyHealthy = gauge('proxy_healthy', '1 while kube-proxy on this node does its work, else 0.');
    this.#replies = counter('arp_replies_total', 'ARP replies by link.', 'link');
    this.#announcements = counter('arp_announcements_total', 'Gratuitous ARP frames by link.', 'link');
    this.#drops = counter('arp_drops_total', 'ARP frames that were not answered, by reason.', 'reason');
    this.#transmitErrors = counter('transmit_errors_total', 'Frames that could not be sent.');
    this.#kernelDrops = counter('arp_kernel_drops_total', 'ARP requests lost in a full receive queue.');
    this.#turns = counter('wire_turns_total', "Wake-ups of the wire worker's loop.");
    this.#heartbeats = {
      transmitted: counter('heartbeats_transmitted_total', 'Heartbeats sent.'),
      received: counter('heartbeats_received_total', 'Heartbeats of peers that counted.'),
      transmitErrors: counter('heartbeat_transmit_errors_total', 'Heartbeats that could not be sent.'),
      drops: counter('heartbeat_drops_total', 'Heartbeats that did not count, by reason.', 'reason'),
    };
  }

  claim(result: ClaimResult): void {
    this.#claims.inc({ result });
  }

  /** Says where the values come from that are read when the page is asked for. */
  attach(sources: AgentSources): void {
    this.#sources = sources;
  }

  override async page(): Promise<{ contentType: string; body: string }> {
    if (this.#sources !== undefined) {
      this.#held.set(this.#sources.heldCount());
      this.#proxyHealthy.set(this.#sources.isProxyHealthy() ? 1 : 0);
      this.#leaseAge.set(this.#sources.leaseAge() ?? Number.NaN);
      const totals = await this.#sources.wireTotals();
      if (totals !== undefined) this.#refill(totals);
    }
    return super.page();
  }

  /** The worker counts; a Prometheus counter can only grow, so it is emptied and filled with the new total. */
  #refill(totals: WireTotals): void {
    refill(this.#replies, 'link', totals.repliesByLink);
    refill(this.#announcements, 'link', totals.announcementsByLink);
    refill(this.#drops, 'reason', totals.dropsByReason);
    set(this.#transmitErrors, totals.transmitErrors);
    set(this.#kernelDrops, totals.kernelDrops);
    set(this.#turns, totals.turns);
    const { transmitted, received, transmitErrors, dropsByReason } = totals.heartbeats;
    set(this.#heartbeats.transmitted, transmitted);
    set(this.#heartbeats.received, received);
    set(this.#heartbeats.transmitErrors, transmitErrors);
    refill(this.#heartbeats.drops, 'reason', dropsByReason);
  }
}

function set(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}

function refill(counter: Counter, label: string, totals: Readonly<Record<string, number>>): void {
  counter.reset();
  for (const [value, total] of Object.entries(totals)) counter.inc({ [label]: value }, total);
}
