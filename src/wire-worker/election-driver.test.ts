// The driver of the election on a fake host: which link and gateway an address has, what is asked on the wire, and what
// becomes of sockets and descriptors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, known, linkOf, NODE, replyFrom, wantAll, wantedOf } from '../../test/fake/fake-wire.ts';
import { FakeWireHost } from '../../test/fake/fake-wire-host.ts';
import type { Link } from '../host/host.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { decodeArpFrame } from '../protocol/arp/arp-packet.ts';
import { milliseconds } from '../time/duration.ts';
import { after } from '../time/instant.ts';
import { type Decision, ElectionDriver } from './election-driver.ts';
import { DEFAULT_HEARTBEAT, electionTimes } from './election-times.ts';
import { shortId } from './heartbeat-settings.ts';
import type { ToWorker, WantedAddress } from './messages.ts';
import { NodeIds } from './node-ids.ts';
import { WantedAddresses } from './wanted-addresses.ts';

const VIP = '10.77.0.50';
const GATEWAY = '10.77.0.1';
const ETH0 = linkOf();
const OTHERS = { candidates: ['node2', NODE], record: { holder: 'node2', epoch: 4 } };

const addressOf = (text: string): Address => known(parseAddress(text), text);

class Bed {
  readonly host = new FakeWireHost();
  readonly logs: string[] = [];
  readonly #log = (_level: string, message: string): void => void this.logs.push(message);
  readonly #ids = new NodeIds((name) => shortId(name, this.host.digests));
  readonly #wanted = new WantedAddresses(this.#log, (name) => this.#ids.idOf(name));
  readonly driver = new ElectionDriver({
    ...{ node: NODE, host: this.host, ids: this.#ids, wanted: this.#wanted, log: this.#log },
    options: { ...electionTimes(DEFAULT_HEARTBEAT), keyPatience: milliseconds(0) },
    reportPeers: () => {},
    mainAge: () => milliseconds(0),
  });
  readonly decisions: Decision[] = [];

  links(links: readonly Link[], ...gateways: readonly string[]): void {
    this.host.setLinks(links);
    const byLink = new Map([[ETH0.index, gateways.map(addressOf)]]);
    this.decisions.push(...this.driver.setLinks(this.host.now, links, byLink));
  }

  want(...addresses: readonly WantedAddress[]): void {
    const message = wantAll(...addresses) as Extract<ToWorker, { readonly kind: 'want' }>;
    this.decisions.push(...this.driver.want(this.host.now, message));
  }

  pass(count: number): void {
    const end = after(this.host.now, milliseconds(count));
    for (let due = this.driver.deadline(); due !== undefined && due <= end; due = this.driver.deadline()) {
      if (due > this.host.now) this.host.now = due;
      this.decisions.push(...this.driver.timeouts(this.host.now));
    }
    this.host.now = end;
  }

  /** What the wire was asked for. */
  asked(): readonly number[] {
    return this.host.probeSockets.flatMap(({ sent }) =>
      sent.map(({ bytes }) => {
        const packet = decodeArpFrame(bytes);
        if (packet instanceof Error) throw packet;
        return packet.targetProtocol;
      }),
    );
  }

  kinds(): readonly string[] {
    return this.decisions.splice(0).map(({ kind }) => kind);
  }
}

/** Hears nobody, and node2, whose Lease has expired, holds the address by the record. */
function asking(...gateways: readonly string[]): Bed {
  const bed = new Bed();
  bed.links([ETH0], ...gateways);
  bed.decisions.push(...bed.driver.setAlive(bed.host.now, [NODE]));
  bed.want(wantedOf(VIP, OTHERS));
  bed.pass(550);
  return bed;
}

test('asks for the address and for the first gateway of the link that has an IPv4 address', () => {
  const bed = asking('fe80::1', GATEWAY, '10.77.0.2');
  assert.deepEqual(new Set(bed.asked()), new Set([ipv4(VIP), ipv4(GATEWAY)]));
  assert.deepEqual(
    bed.driver.fds,
    bed.host.probeSockets.map(({ fd }) => fd),
  );
});

test('a gateway that does not answer keeps it from taking anything; one that does, and a link without one, do not', () => {
  const cut = asking(GATEWAY);
  cut.pass(5000);
  assert.deepEqual(cut.kinds(), []);
  const well = asking(GATEWAY);
  well.host.deliverArp('eth0', replyFrom(GATEWAY, '02:00:00:00:00:77'));
  well.decisions.push(...well.driver.receive(well.host.now, well.driver.fds));
  well.pass(300);
  assert.deepEqual(well.kinds(), ['claim', 'announce']);
  const without = asking();
  without.pass(300);
  assert.deepEqual(without.kinds(), ['claim', 'announce']);
});

test('what is not wanted any more is not asked for either', () => {
  const bed = asking(GATEWAY);
  bed.want();
  bed.pass(5000);
  assert.deepEqual([bed.kinds(), bed.driver.fds, bed.driver.deadline()], [[], [], undefined]);
});

test('the link that would answer is known before anything is held', () => {
  const bed = new Bed();
  bed.want(wantedOf(VIP), wantedOf('10.99.0.1'), wantedOf('10.77.0.51', { interfaces: ['other'] }));
  assert.equal(bed.driver.linkOf(`uid-${VIP}`), undefined);
  bed.links([ETH0]);
  const links = [VIP, '10.99.0.1', '10.77.0.51'].map((address) => bed.driver.linkOf(`uid-${address}`));
  assert.deepEqual(links, ['eth0', undefined, undefined]);
});

test('an address goes to the link that fits better now, without being claimed again', () => {
  const bed = new Bed();
  bed.links([ETH0]);
  bed.decisions.push(...bed.driver.setAlive(bed.host.now, [NODE]));
  bed.want(wantedOf(VIP));
  bed.pass(600);
  bed.decisions.push(...bed.driver.step(bed.host.now, { kind: 'recorded', uid: `uid-${VIP}`, epoch: 1 }));
  assert.deepEqual(bed.kinds(), ['announce', 'claim']);
  bed.links([ETH0, linkOf({ index: 3, name: 'eth1', addresses: ['10.77.0.12/25'] })]);
  bed.pass(5000);
  assert.deepEqual([bed.kinds(), bed.driver.linkOf(`uid-${VIP}`)], [[], 'eth1']);
  assert.deepEqual(
    bed.driver.held().map(({ uid, epoch }) => [uid, epoch]),
    [[`uid-${VIP}`, 1]],
  );
});

test('closed, it has no descriptor any more', () => {
  const bed = asking(GATEWAY);
  bed.driver.close();
  assert.ok([...bed.host.probeSockets, ...bed.host.heartbeatSockets].every(({ isClosed }) => isClosed));
});
