// A dump of links from a kernel that is played back: answers that are lost, interrupted or refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS_DUMP, LINK_DUMP, REFUSED_REQUEST, ROUTE_DUMP } from '../../../test/golden/rtnetlink.ts';
import { formatAddress } from '../../net/address.ts';
import { LinkDumper } from './link-dump.ts';
import type { Receipt } from './netlink-socket.ts';

type Answer = (sequence: number) => readonly (Uint8Array | 'Lost')[];

const INTERRUPTED = 0x10;
const [ENOMEM, EPERM] = [12, 1];

/** The datagram as an answer to the request of this number; `flags` are added to each message, `errno` is the last one's. */
function answering(datagram: Uint8Array, sequence: number, flags = 0): Uint8Array {
  const copy = datagram.slice();
  const view = new DataView(copy.buffer);
  for (let at = 0; at < copy.length; at += (view.getUint32(at, true) + 3) & ~3) {
    view.setUint16(at + 6, view.getUint16(at + 6, true) | flags, true);
    view.setUint32(at + 8, sequence, true);
  }
  return copy;
}

const whole =
  (dump: readonly Uint8Array[], flags = 0): Answer =>
  (sequence) =>
    dump.map((datagram) => answering(datagram, sequence, flags));

const refusal =
  (errno: number): Answer =>
  (sequence) => {
    const datagram = answering(REFUSED_REQUEST, sequence);
    new DataView(datagram.buffer).setInt32(16, -errno, true);
    return [datagram];
  };

const LOST: Answer = () => ['Lost'];
/** The last part does not come; what was given up with it is still queued when the next answer comes. */
const CUT: Answer = (sequence) => whole(LINK_DUMP)(sequence).slice(0, -1);

/** A kernel that has these answers ready; 'Short' = it has no memory for the request. */
class PlayedSocket {
  readonly bytes = new Uint8Array(64 << 10);
  readonly #answers: (Answer | 'Short')[];
  readonly #queue: (Uint8Array | 'Lost')[] = [];

  constructor(...answers: readonly (Answer | 'Short')[]) {
    this.#answers = [...answers];
  }

  send(request: Uint8Array): boolean {
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error('asked too often');
    if (answer === 'Short') return false;
    this.#queue.push(...answer(new DataView(request.buffer).getUint32(8, true)));
    return true;
  }

  receive(): Receipt {
    const next = this.#queue.shift();
    if (next === undefined) return { kind: 'Empty' };
    if (next === 'Lost') return { kind: 'Lost' };
    this.bytes.set(next);
    return { kind: 'Datagram', length: next.length };
  }
}

const dumped = (...answers: readonly (Answer | 'Short')[]): readonly string[] | undefined =>
  new LinkDumper(new PlayedSocket(...answers)).dump()?.links.map(({ name }) => name);

const LINKS = whole(LINK_DUMP);
const ADDRESSES = whole(ADDRESS_DUMP);
const NAMES = ['lo', 'eth0', 'br0', 'tun9'];

test('asks for links and for addresses', () => {
  const dump = new LinkDumper(new PlayedSocket(LINKS, ADDRESSES)).dump();
  assert.deepEqual(
    dump?.links.map(({ name, addresses }) => `${name} ${addresses.length}`),
    ['lo 2', 'eth0 3', 'br0 0', 'tun9 1'],
  );
  assert.deepEqual(
    dump.carrierChanges,
    new Map([
      [1, 0],
      [2, 2],
      [3, 1],
      [4, 1],
    ]),
  );
  assert.equal(dump.malformed, 0);
});

test('asks again for what was lost, cut short or not granted, and mixes no two answers', () => {
  assert.deepEqual(dumped(LOST, 'Short', CUT, refusal(ENOMEM), LINKS, ADDRESSES), NAMES);
  assert.deepEqual(dumped(LINKS, LOST, LOST, LOST, LOST, ADDRESSES), NAMES);
});

test('gives up after five attempts', () => {
  assert.equal(dumped(LOST, LOST, 'Short', refusal(ENOMEM), LOST), undefined);
  assert.equal(dumped(LINKS, 'Short', 'Short', 'Short', 'Short', 'Short'), undefined);
});

test('a dump that changes interrupt is repeated, and used as it is in the end', () => {
  const interrupted = whole(LINK_DUMP, INTERRUPTED);
  assert.deepEqual(dumped(interrupted, LINKS, ADDRESSES), NAMES);
  const always = Array.from({ length: 5 }, () => interrupted);
  assert.deepEqual(dumped(...always, ADDRESSES), NAMES);
});

test('asks for default routes, by link and each gateway once', () => {
  const ROUTES = whole(ROUTE_DUMP);
  const twice: Answer = (sequence) => [...ROUTES(sequence).slice(0, 1), ...ROUTES(sequence)];
  for (const answers of [[ROUTES], [LOST, 'Short', refusal(ENOMEM), twice]] as const) {
    const dump = new LinkDumper(new PlayedSocket(...answers)).dumpRoutes();
    const gateways = [...(dump?.gateways ?? [])].map(([index, all]) => [index, ...all.map(formatAddress)]);
    const four = ['10.77.0.2', '10.77.0.3', 'fd77:0:0:1::4', '10.77.0.1'];
    const six = ['fd77:0:0:1::2', 'fd77:0:0:1::3', 'fd77:0:0:1::1', 'fe80::1'];
    assert.deepEqual(gateways, [[3, ...four, ...six]]);
    assert.equal(dump?.malformed, 0);
  }
  assert.equal(new LinkDumper(new PlayedSocket(LOST, LOST, LOST, LOST, LOST)).dumpRoutes(), undefined);
});

test('a refusal for good is an error with its name', () => {
  assert.throws(() => dumped(refusal(EPERM)), { name: 'SystemError', code: 'EPERM' });
});
