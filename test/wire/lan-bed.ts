// A node on several LANs: a namespace with a link to each, and one in which every LAN is a bridge, where the tests ask
// and watch. The bridges stay when the node's links go, so that whoever watches sees all there was on the wire.

import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { run } from './bed.ts';

export interface NodeLink {
  readonly name: string;
  readonly index?: number;
  readonly mac?: string;
}

let count = 0;

const hex = (value: number): string => value.toString(16).padStart(2, '0');

/** The MAC of the node's link on a LAN; `version` tells others of the same link apart. */
export const nodeMac = (lan: number, version = 0): string => `02:00:00:${hex(version)}:${hex(lan)}:0b`;

/** The name of the bridge that is a LAN. */
export const lanName = (lan: number): string => `lan${lan}`;

/** The n-th address for Services on a LAN. */
export const vip = (lan: number, n = 50): string => `10.${80 + lan}.${1 + (n >> 8)}.${n & 255}`;

export class LanBed {
  readonly node: string;
  readonly lans: string;
  readonly elsewhere: string;

  constructor(test: TestContext, lans: number) {
    const name = `fltest-${process.pid}-l${++count}`;
    this.node = `${name}-n`;
    this.lans = `${name}-c`;
    this.elsewhere = `${name}-e`;
    const all = [this.node, this.lans, this.elsewhere];
    test.after(() => {
      for (const netns of all) spawnSync('ip', ['netns', 'del', netns]);
    });
    for (const netns of all) run('ip', 'netns', 'add', netns);
    for (let lan = 0; lan < lans; lan++) {
      this.#addLan(lan);
      this.connect(lan, { name: `eth${lan}` });
    }
  }

  #addLan(lan: number): void {
    const bridge = lanName(lan);
    this.#inLans(`link add ${bridge} address 02:00:00:00:${hex(lan)}:c1 type bridge`);
    // A port that is always there keeps the carrier of the bridge while the node's link has none.
    this.#inLans(`link add keep${lan} type veth peer name rest${lan}`, `link set rest${lan} up`);
    this.#inLans(`link set keep${lan} master ${bridge} up`);
    this.#inLans(`link set ${bridge} addrgenmode none`, `link set ${bridge} up`);
  }

  #inLans(...commands: readonly string[]): void {
    for (const command of commands) run('ip', '-n', this.lans, ...command.split(' '));
  }

  /** Joins the node to a LAN by a new link with an address of it. */
  connect(lan: number, { name, index, mac = nodeMac(lan) }: NodeLink): void {
    const fixed = index === undefined ? '' : ` index ${index}`;
    const peer = `peer name port${lan} netns ${this.lans}`;
    this.ip(`link add ${name}${fixed} address ${mac} type veth ${peer}`);
    this.ip(`addr add 10.${80 + lan}.0.11/16 dev ${name}`, `link set ${name} addrgenmode none`);
    this.#inLans(`link set port${lan} addrgenmode none`, `link set port${lan} master ${lanName(lan)} up`);
    this.ip(`link set ${name} up`);
  }

  /** Runs commands of ip(8) on the node. */
  ip(...commands: readonly string[]): void {
    for (const command of commands) run('ip', '-n', this.node, ...command.split(' '));
  }

  index(name: string): number {
    const [link]: { readonly ifindex: number }[] = JSON.parse(
      run('ip', '-j', '-n', this.node, 'link', 'show', name),
    );
    if (link === undefined) throw new Error(`find ${name} on the node: none`);
    return link.ifindex;
  }
}
