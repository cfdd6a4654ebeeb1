// What the LAN bridge does not pass on: frames of a host, to a host, between two, of one protocol, or some of them at
// random. It is a table of nftables at the bridge, so it meets every frame alike: ARP, multicast, packet sockets' too.

import { mustExec } from './exec.ts';
import type { LabNetwork } from './network.ts';
import { portOf } from './network.ts';
import { changeSet, type SetChange } from './nft-set.ts';

const TABLE = 'lab';

/** The API server's port and that of the fault proxy before it. */
const API_PORTS = '{ 6443, 6444 }';

/** Pairs of `from` and `to`, or single hosts. */
type SetName = 'mute' | 'deaf' | 'oneway' | 'partitioned' | 'apiless';

const table = (controlPlane: string): string => `
table bridge ${TABLE} {
  set mute { type ifname; }
  set deaf { type ifname; }
  set oneway { type ifname . ifname; }
  set partitioned { type ifname . ifname; }
  set apiless { type ifname; }
  chain loss { }
  chain forward {
    type filter hook forward priority 0;
    iifname @mute drop
    oifname @deaf drop
    iifname . oifname @oneway drop
    iifname . oifname @partitioned drop
    iifname @apiless oifname "${controlPlane}" tcp dport ${API_PORTS} drop
    iifname "${controlPlane}" oifname @apiless tcp sport ${API_PORTS} drop
    jump loss
  }
}
`;

export class LanFilter {
  readonly #network: LabNetwork;
  readonly #elements = new Map<SetName, Set<string>>();
  readonly #losses = new Map<string, number>();
  #made: Promise<void> | undefined;

  constructor(network: LabNetwork) {
    this.#network = network;
  }

  /** Changes a set by hosts or pairs of hosts; what is so already stays so. Returns the moment of the system call. */
  async change(set: SetName, change: SetChange, hosts: readonly (readonly string[])[]): Promise<bigint> {
    await this.#ensureTable();
    const present = this.#elements.get(set) ?? new Set();
    this.#elements.set(set, present);
    const isAdded = change === 'add';
    const keys = hosts
      .map((names) => names.map((name) => portOf({ name })))
      .filter((ports) => present.has(ports.join()) !== isAdded);
    if (keys.length === 0) return process.hrtime.bigint();
    const at = changeSet({ netns: this.#network.lanNetns, table: TABLE, set }, change, keys);
    for (const key of keys) {
      if (isAdded) present.add(key.join());
      else present.delete(key.join());
    }
    return at;
  }

  /** Loses this share of the frames to the host and of those from it, each at random; 0 loses none. */
  async lose(host: string, percent: number): Promise<bigint> {
    await this.#ensureTable();
    if (percent > 0) this.#losses.set(host, percent);
    else this.#losses.delete(host);
    const rules = Array.from(this.#losses, ([name, share]) =>
      ['iifname', 'oifname'].map(
        (side) =>
          `add rule bridge ${TABLE} loss ${side} "${portOf({ name })}" numgen random mod 10000 <= ${Math.round(share * 100) - 1} drop`,
      ),
    );
    const at = process.hrtime.bigint();
    await this.#nft([`flush chain bridge ${TABLE} loss`, ...rules.flat()].join('\n'));
    return at;
  }

  #ensureTable(): Promise<void> {
    this.#made ??= this.#nft(table(portOf(this.#network.controlPlane)));
    return this.#made;
  }

  async #nft(input: string): Promise<void> {
    await mustExec(['ip', 'netns', 'exec', this.#network.lanNetns, 'nft', '-f', '-'], { input });
  }
}
