// Wire probes on a fake host in virtual time: what is sent, what counts as an answer, and that nothing stays open.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFrame, ipv4, linkOf, replyFrom, requestFor } from '../../test/fake/fake-wire.ts';
import { FakeWireHost } from '../../test/fake/fake-wire-host.ts';
import type { Link } from '../host/host.ts';
import { decodeArpFrame } from '../protocol/arp/arp-packet.ts';
import { milliseconds } from '../time/duration.ts';
import { after } from '../time/instant.ts';
import { type ProbeResult, Prober } from './prober.ts';

const VIP = '10.77.0.50';
const GATEWAY = '10.77.0.1';
const MAC = '02:00:00:00:00:77';

class Bed {
  readonly host = new FakeWireHost();
  readonly link: Link = linkOf();
  readonly logs: string[] = [];
  readonly prober = new Prober({ host: this.host, log: (_level, message) => this.logs.push(message) });

  constructor() {
    this.host.setLinks([this.link]);
  }

  probe(uid = 'vip', [address, gateway]: readonly [string, string?] = [VIP, GATEWAY]): void {
    const targets = { address: ipv4(address), gateway: gateway === undefined ? undefined : ipv4(gateway) };
    this.prober.probe(this.host.now, { uid, ...targets, link: this.link });
  }

  hear(frame: Uint8Array): void {
    this.host.deliverArp('eth0', frame);
    this.prober.receive(this.prober.fds);
  }

  /** Lets milliseconds pass; returns what has been asked for long enough. */
  pass(count: number): readonly ProbeResult[] {
    const end = after(this.host.now, milliseconds(count));
    const results: ProbeResult[] = [];
    for (let due = this.prober.deadline(); due !== undefined && due <= end; due = this.prober.deadline()) {
      this.host.now = due;
      results.push(...this.prober.timeouts(due));
    }
    this.host.now = end;
    return results;
  }

  /** Targets of what was sent, with the milliseconds since then. */
  sent(start: number): readonly string[] {
    return this.host.probeSockets.flatMap(({ sent }) =>
      sent.map(({ at, bytes }) => {
        const packet = decodeArpFrame(bytes);
        if (packet instanceof Error) throw packet;
        assert.deepEqual([describeFrame(bytes).text, packet.senderProtocol], ['request 0.0.0.0', 0]);
        return `${at - start} ${packet.targetProtocol === ipv4(VIP) ? VIP : GATEWAY}`;
      }),
    );
  }
}

test('asks twice, 40 ms apart, for the address and the gateway, as an ARP Probe, and listens 60 ms more', () => {
  const bed = new Bed();
  const start = bed.host.now;
  bed.probe();
  assert.deepEqual(bed.pass(99), []);
  assert.deepEqual(bed.sent(start), [`0 ${VIP}`, `0 ${GATEWAY}`, `40 ${VIP}`, `40 ${GATEWAY}`]);
  assert.deepEqual(bed.pass(1), [{ uid: 'vip', address: 'Silent', gateway: 'Silent' }]);
  assert.deepEqual([bed.pass(10_000), bed.prober.deadline(), bed.prober.fds], [[], undefined, []]);
  assert.ok(bed.host.probeSockets.every(({ isClosed }) => isClosed));
});

test('whatever comes from the address or the gateway is an answer, and nothing else is', () => {
  const cases: readonly (readonly [frame: Uint8Array, answered: readonly string[]])[] = [
    [replyFrom(VIP, MAC), ['Answered', 'Silent']],
    [replyFrom(GATEWAY, MAC), ['Silent', 'Answered']],
    [replyFrom('10.77.0.99', MAC), ['Silent', 'Silent']],
    [requestFor(VIP), ['Silent', 'Silent']],
    [new Uint8Array(42), ['Silent', 'Silent']],
    [new Uint8Array(5), ['Silent', 'Silent']],
  ];
  for (const [frame, [address, gateway]] of cases) {
    const bed = new Bed();
    bed.probe();
    bed.pass(70);
    bed.hear(frame);
    assert.deepEqual(bed.pass(30), [{ uid: 'vip', address, gateway }]);
  }
});

test('a link without a gateway says nothing against a take-over; one that is the address is asked for once', () => {
  const bed = new Bed();
  const start = bed.host.now;
  bed.probe('vip', [VIP]);
  assert.deepEqual(bed.pass(100), [{ uid: 'vip', address: 'Silent', gateway: 'Answered' }]);
  assert.equal(bed.sent(start).length, 2);
  bed.probe('vip', [VIP, VIP]);
  assert.equal(bed.sent(start).length, 3, 'asked for once');
});

test('many addresses are asked for on one socket, each with its own answer', () => {
  const bed = new Bed();
  bed.probe('one');
  bed.probe('two', ['10.77.0.51', GATEWAY]);
  assert.equal(bed.host.probeSockets.length, 1);
  bed.hear(replyFrom('10.77.0.51', MAC));
  assert.deepEqual(
    bed.pass(100).map(({ uid, address }) => [uid, address]),
    [
      ['one', 'Silent'],
      ['two', 'Answered'],
    ],
  );
});

test('asked for again the former answers count no more; what nobody waits for is closed', () => {
  const bed = new Bed();
  bed.probe();
  bed.hear(replyFrom(VIP, MAC));
  bed.pass(50);
  bed.probe();
  assert.deepEqual(bed.pass(99), []);
  assert.deepEqual(bed.pass(1), [{ uid: 'vip', address: 'Silent', gateway: 'Silent' }]);
  bed.probe();
  bed.prober.forget('other');
  assert.equal(bed.prober.fds.length, 1);
  bed.prober.forget('vip');
  assert.deepEqual([bed.prober.fds, bed.pass(1000)], [[], []]);
});

test('a socket that can not be opened is told of, and nothing is concluded', () => {
  const bed = new Bed();
  bed.host.refusing.add('eth0');
  bed.probe();
  assert.deepEqual([bed.logs, bed.pass(1000)], [['open probe socket failed'], []]);
  bed.host.refusing.clear();
  bed.probe();
  assert.equal(bed.pass(100).length, 1);
});

test('a link that was made again while it was asked on gets another socket', () => {
  const bed = new Bed();
  bed.probe('one');
  bed.host.setLinks([]);
  bed.host.setLinks([bed.link]);
  bed.probe('two');
  assert.deepEqual(
    bed.host.probeSockets.map(({ isClosed }) => isClosed),
    [true, false],
  );
  bed.prober.close();
  assert.ok(bed.host.probeSockets.every(({ isClosed }) => isClosed));
});
