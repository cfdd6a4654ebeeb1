// Nodes and a stranger on one bridge, each in a network namespace of its own, made for one test and removed after it.

import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { inNamespace } from '../../lab/netns.ts';
import type { LinkSocket } from '../../src/host/host.ts';
import { openHeartbeatSocket } from '../../src/host/linux/packet-socket.ts';
import { HEARTBEAT_PORT } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { HEARTBEAT_GROUP_MAC } from '../../src/wire-worker/heartbeat-link.ts';
import { run } from './bed.ts';

let count = 0;

export class BridgeBed {
  readonly #switch: string;
  /** Namespaces; `node 1` has 10.77.0.11 and a MAC that ends in 0b, and so on. The stranger comes last. */
  readonly nodes: readonly string[];
  readonly stranger: string;

  constructor(test: TestContext, nodes: number) {
    const name = `flbr-${process.pid}-${++count}`;
    this.#switch = `${name}-s`;
    const all = Array.from({ length: nodes + 1 }, (_, i) => `${name}-${i + 1}`);
    this.nodes = all.slice(0, nodes);
    this.stranger = all.at(-1) ?? '';
    test.after(() => {
      for (const netns of [this.#switch, ...all]) spawnSync('ip', ['netns', 'del', netns]);
    });
    run('ip', 'netns', 'add', this.#switch);
    run(
      'ip',
      '-n',
      this.#switch,
      'link',
      'add',
      'br0',
      'type',
      'bridge',
      'mcast_snooping',
      '1',
      'mcast_querier',
      '1',
    );
    run('ip', '-n', this.#switch, 'link', 'set', 'br0', 'up');
    for (const [i, netns] of all.entries()) this.#attach(netns, i + 1);
  }

  #attach(netns: string, number: number): void {
    const port = `port${number}`;
    run('ip', 'netns', 'add', netns);
    const peer = ['peer', 'name', 'eth0', 'address', this.mac(number), 'netns', netns];
    run('ip', '-n', this.#switch, 'link', 'add', port, 'type', 'veth', ...peer);
    run('ip', '-n', this.#switch, 'link', 'set', port, 'master', 'br0', 'up');
    run('ip', '-n', netns, 'link', 'set', 'dev', 'eth0', 'addrgenmode', 'none');
    run('ip', '-n', netns, 'addr', 'add', `${this.address(number)}/16`, 'dev', 'eth0');
    run('ip', '-n', netns, 'link', 'set', 'dev', 'eth0', 'up');
  }

  mac(number: number): string {
    return `02:00:00:00:00:${(10 + number).toString(16).padStart(2, '0')}`;
  }

  address(number: number): string {
    return `10.77.0.${10 + number}`;
  }

  /** Drops UDP to the heartbeat port in both directions, as a host's firewall may. */
  dropHeartbeats(netns: string): void {
    const rules = ['input', 'output'].map(
      (hook) =>
        `chain ${hook} { type filter hook ${hook} priority 0; udp dport ${HEARTBEAT_PORT} counter drop; };`,
    );
    run('ip', 'netns', 'exec', netns, 'nft', `table inet firewall { ${rules.join(' ')} }`);
  }

  /** A socket of the stranger's that sees heartbeats and sends whatever it is given; closed with the test. */
  strangersSocket(test: TestContext): LinkSocket {
    const [link]: { readonly ifindex: number }[] = JSON.parse(
      run('ip', '-j', '-n', this.stranger, 'link', 'show', 'eth0'),
    );
    if (link === undefined) throw new Error('find eth0 of the stranger: none');
    const of = { index: link.ifindex, name: 'eth0' };
    const socket = inNamespace(this.stranger, () =>
      openHeartbeatSocket(of, HEARTBEAT_PORT, HEARTBEAT_GROUP_MAC),
    );
    socket.setSources({ kind: 'AllBut', macs: [] });
    test.after(() => socket.close());
    return socket;
  }

  /** Runs a shell script in a namespace; its exit code. */
  shell(netns: string, script: string): number | null {
    return spawnSync('ip', ['netns', 'exec', netns, 'bash', '-c', script], { timeout: 20_000 }).status;
  }
}
