// What is answered on which link while addresses come, change and go one by one, beside what the links say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeLinkSocket } from '../../../test/fake/fake-link-socket.ts';
import { describeFrame, ipv4, linkOf, requestFor } from '../../../test/fake/fake-wire.ts';
import type { Link } from '../../host/host.ts';
import { instant } from '../../time/instant.ts';
import { ArpLink } from './arp-link.ts';
import { type HeldIPv4Address, L2Announcer, type LinkView } from './l2-announcer.ts';
import { L2Counters } from './l2-counters.ts';
import { LinkChoice } from './link-choice.ts';

const NOW = instant(0);
const VIP = '10.77.0.50';

const heldOf = (uid: string, address = VIP, changes: Partial<HeldIPv4Address> = {}): HeldIPv4Address => ({
  uid,
  address: ipv4(address),
  epoch: 1,
  interfaces: [],
  ...changes,
});

/** eth0 has 10.77.0.0/24 and eth1 10.78.0.0/24, unless told otherwise. */
class Bed {
  readonly announcer = new L2Announcer();
  readonly sockets = new Map<number, ArpLink>();
  readonly wires = new Map<string, FakeLinkSocket>();
  #links: readonly Link[] = [];

  constructor() {
    this.relink(linkOf(), linkOf({ index: 3, name: 'eth1', addresses: ['10.78.0.11/24'] }));
  }

  relink(...links: readonly Link[]): void {
    this.#links = links;
    for (const link of links) {
      const known = this.sockets.get(link.index);
      if (known !== undefined) known.update(link, false);
      else {
        const socket = new FakeLinkSocket(link.index, link, { now: () => NOW });
        this.wires.set(link.name, socket);
        this.sockets.set(link.index, new ArpLink(link, socket, new L2Counters()));
      }
    }
    this.announcer.reconcile(NOW, this.view);
  }

  get view(): LinkView {
    return { links: this.#links, sockets: this.sockets };
  }

  change(changed: readonly HeldIPv4Address[], gone: readonly string[] = []): void {
    this.announcer.change(NOW, { changed, gone }, this.view);
  }

  /** `eth0 request 10.77.0.50` and so on, since the last call. */
  sent(): readonly string[] {
    return Array.from(this.wires, ([name, { sent }]) =>
      sent.splice(0).map(({ bytes }) => `${name} ${describeFrame(bytes).text}`),
    ).flat();
  }

  /** The links that answer for an address. */
  answering(address = VIP): readonly string[] {
    this.sent();
    for (const [index, link] of this.sockets) {
      this.wires
        .get(this.#links.find((each) => each.index === index)?.name ?? '')
        ?.deliver(requestFor(address));
      link.receive();
      link.answer();
    }
    return this.sent().map((text) => text.split(' ')[0] ?? '');
  }
}

test('only what changed is announced', () => {
  const bed = new Bed();
  bed.change([heldOf('a'), heldOf('b', '10.78.0.51')]);
  assert.equal(bed.sent().length, 4);
  bed.change([heldOf('c', '10.77.0.52')]);
  assert.deepEqual(bed.sent(), ['eth0 request 10.77.0.52', 'eth0 reply 10.77.0.52']);
  bed.change([heldOf('a')]);
  assert.deepEqual(bed.sent(), [], 'nothing new about it');
  bed.change([heldOf('a', VIP, { epoch: 2 })]);
  assert.equal(bed.sent().length, 2, 'a new epoch');
  assert.deepEqual([bed.answering(), bed.answering('10.78.0.51')], [['eth0'], ['eth1']]);
});

test('what is gone is not answered, and what is not known is no matter', () => {
  const bed = new Bed();
  bed.change([heldOf('a'), heldOf('b', '10.77.0.51')]);
  bed.change([], ['a', 'never']);
  assert.deepEqual([bed.answering(), bed.answering('10.77.0.51')], [[], ['eth0']]);
  assert.deepEqual([bed.announcer.linkOf('a'), bed.announcer.linkOf('b')], [undefined, 'eth0']);
});

test('other interfaces take it off the link, and bring it to another', () => {
  const bed = new Bed();
  bed.relink(linkOf(), linkOf({ index: 3, name: 'eth1', addresses: ['10.77.0.12/24'] }));
  bed.change([heldOf('a')]);
  assert.deepEqual(bed.answering(), ['eth0']);
  bed.change([heldOf('a', VIP, { interfaces: ['eth1'] })]);
  assert.deepEqual(bed.sent(), [`eth1 request ${VIP}`, `eth1 reply ${VIP}`]);
  assert.deepEqual(bed.answering(), ['eth1']);
  bed.change([heldOf('a', VIP, { interfaces: ['wlan*'] })]);
  assert.deepEqual([bed.answering(), bed.announcer.linkOf('a')], [[], undefined]);
});

test('an address that comes under another uid goes on being answered, whichever goes first', () => {
  for (const order of ['together', 'old first', 'new first']) {
    const bed = new Bed();
    bed.change([heldOf('old')]);
    if (order === 'together') bed.change([heldOf('new')], ['old']);
    else if (order === 'old first') {
      bed.change([], ['old']);
      bed.change([heldOf('new')]);
    } else {
      bed.change([heldOf('new')]);
      bed.change([], ['old']);
    }
    assert.deepEqual([order, bed.answering(), bed.announcer.linkOf('new')], [order, ['eth0'], 'eth0']);
  }
  const bed = new Bed();
  bed.change([heldOf('one'), heldOf('two')]);
  bed.change([], ['two']);
  assert.deepEqual(bed.answering(), ['eth0'], 'the other one still holds it');
});

/** eth1 has the closer prefix for half of eth0's. */
const LINKS = [
  linkOf({ addresses: ['10.77.0.11/24'] }),
  linkOf({ index: 3, name: 'eth1', addresses: ['10.77.0.12/25', '10.78.0.11/24'] }),
];
const ADDRESSES = ['10.77.0.50', '10.77.0.201', '10.78.0.50', '10.79.0.50'];

/** An address is held, the one of a number is gone, or only these links are up. */
type Event = HeldIPv4Address | number | readonly string[];

const event: fc.Arbitrary<Event> = fc.oneof(
  fc
    .record({ at: fc.nat(3), epoch: fc.nat(2), patterns: fc.subarray(['eth0', 'eth1']) })
    .map(({ at, epoch, patterns }) =>
      heldOf(`uid-${at}`, ADDRESSES[at], { epoch, interfaces: patterns.length === 1 ? patterns : [] }),
    ),
  fc.nat(3),
  fc.subarray(['eth0', 'eth1']),
);

/** What is held and which links there are after some events on a bed. */
class History {
  readonly bed = new Bed();
  readonly held = new Map<string, HeldIPv4Address>();
  links: readonly Link[] = LINKS;

  constructor(events: readonly Event[]) {
    this.bed.relink(...this.links);
    for (const each of events) this.#act(each);
  }

  #act(each: Event): void {
    if (typeof each === 'number') {
      this.bed.change([], [`uid-${each}`]);
      this.held.delete(`uid-${each}`);
    } else if ('uid' in each) {
      this.bed.change([each]);
      this.held.set(each.uid, each);
    } else {
      this.links = LINKS.map((link) => ({ ...link, state: each.includes(link.name) ? 'Up' : 'Down' }));
      this.bed.relink(...this.links);
    }
  }
}

test('after any changes each address is answered where it would be had all come at once', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const { bed, held, links } = new History(events);
      const choice = new LinkChoice(links);
      for (const [at, address] of ADDRESSES.entries()) {
        const wanted = held.get(`uid-${at}`);
        const name = wanted && choice.choose(wanted.address, wanted.interfaces)?.name;
        assert.equal(bed.announcer.linkOf(`uid-${at}`), name);
        assert.deepEqual(bed.answering(address), name === undefined ? [] : [name]);
      }
    }),
    { numRuns: 300 },
  );
});
