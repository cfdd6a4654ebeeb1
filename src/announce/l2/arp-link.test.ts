// A link's answers to whatever the wire brings: what it transmits is what a correct responder would, and every frame
// that it does not answer is counted under one reason.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  corruptArpFrames,
  expectedAnswer,
  isReply,
  RESPONDER_ADDRESS,
  RESPONDER_MAC,
  randomArpFrames,
  truncatedArpFrames,
  validArpFrames,
} from '../../../test/arbitrary/arp-corpus.ts';
import { fromHex, toHex } from '../../../test/arbitrary/byte-laws.ts';
import { FakeLinkSocket } from '../../../test/fake/fake-link-socket.ts';
import { linkOf } from '../../../test/fake/fake-wire.ts';
import { formatMac } from '../../net/mac.ts';
import { instant } from '../../time/instant.ts';
import { ArpLink } from './arp-link.ts';
import { L2Counters, type L2Totals } from './l2-counters.ts';

const NOW = instant(0);
const LINK = linkOf({ mac: formatMac(fromHex(RESPONDER_MAC)) });

interface Outcome {
  /** Frames that were answered, as hex, in order. */
  readonly replies: readonly string[];
  readonly totals: L2Totals;
}

/** Has a link that holds the address receive all of the frames. */
function outcomeOf(frames: Iterable<Uint8Array>): Outcome {
  const socket = new FakeLinkSocket(7, LINK, { now: () => NOW });
  const counters = new L2Counters();
  const link = new ArpLink(LINK, socket, counters);
  link.take(NOW, [{ address: Number.parseInt(RESPONDER_ADDRESS, 16), epoch: 1 }]);
  const announcements = socket.sent.length;
  for (const frame of frames) {
    socket.deliver(frame);
    // More are waiting than one turn takes.
    if (socket.waiting >= 300) turn(link);
  }
  while (socket.waiting > 0) turn(link);
  const replies = socket.sent.slice(announcements).map(({ bytes }) => toHex(bytes));
  return { replies, totals: counters.totals() };
}

function turn(link: ArpLink): void {
  link.receive();
  link.answer();
}

/** What must come of them. */
function expectedOf(frames: Iterable<Uint8Array>): Outcome {
  const replies: string[] = [];
  const drops: Record<string, number> = { ...new L2Counters().totals().dropsByReason };
  for (const frame of frames) {
    const expected = expectedAnswer(frame);
    if (isReply(expected)) replies.push(expected);
    else drops[expected] = (drops[expected] ?? 0) + 1;
  }
  const totals = {
    repliesByLink: { eth0: replies.length },
    announcementsByLink: { eth0: 2 },
    dropsByReason: drops,
    transmitErrors: 0,
    kernelDrops: 0,
  };
  return { replies, totals };
}

/** A packet socket gives out no empty frame: that is how it says that there is none. */
const notEmpty = (frames: Iterable<Uint8Array>): readonly Uint8Array[] =>
  [...frames].filter(({ length }) => length > 0);

const CORPORA: readonly (readonly [name: string, frames: readonly Uint8Array[], answered: number])[] = [
  ['whole frames, 60 % of which ask for the address', validArpFrames(), 6],
  ['every truncation, none of which asks', notEmpty(truncatedArpFrames()), 0],
  ['every change of one byte, after which 32 % still ask', notEmpty(corruptArpFrames()), 17_075],
  ['100,000 random frames, of which 8 % ask', notEmpty(randomArpFrames(100_000, 32)), 7_900],
];

for (const [name, frames, answered] of CORPORA)
  test(`answers and counts ${name}`, () => {
    const outcome = outcomeOf(frames);
    assert.deepEqual(outcome, expectedOf(frames));
    const dropped = Object.values(outcome.totals.dropsByReason).reduce((sum, count) => sum + count, 0);
    assert.equal(dropped + outcome.replies.length, frames.length, 'each frame is counted once');
    assert.ok(Math.abs(outcome.replies.length - answered) <= 0.02 * answered, `${outcome.replies.length}`);
  });

test('the corpora reach every reason that a frame can be dropped for', () => {
  const names = CORPORA.flatMap(([, frames]) => frames.map(expectedAnswer)).filter((each) => !isReply(each));
  // Counted where frames are received, whatever is in them.
  const elsewhere = ['other-host', 'stale'];
  const reasons = Object.keys(new L2Counters().totals().dropsByReason).filter(
    (name) => !elsewhere.includes(name),
  );
  assert.deepEqual(new Set(names), new Set(reasons));
});

test('what waited while the thread stood still is counted, not answered; what comes after that is', () => {
  const socket = new FakeLinkSocket(7, LINK, { now: () => NOW });
  const counters = new L2Counters();
  const link = new ArpLink(LINK, socket, counters);
  link.take(NOW, [{ address: Number.parseInt(RESPONDER_ADDRESS, 16), epoch: 1 }]);
  socket.sent.length = 0;
  const [, frames] = CORPORA[0] ?? ['', []];
  const asking = frames.find((frame) => isReply(expectedAnswer(frame)));
  if (asking === undefined) throw new Error('no frame asks');
  for (let i = 0; i < 500; i++) socket.deliver(asking);
  link.receive();
  link.discard();
  assert.deepEqual([socket.waiting, counters.stale, socket.sent.length], [0, 500, 0]);
  socket.deliver(asking);
  turn(link);
  assert.deepEqual([counters.stale, socket.sent.length], [500, 1]);
  for (let i = 0; i < 20_000; i++) socket.deliver(asking);
  link.receive();
  link.discard();
  assert.ok(socket.waiting > 5000, 'a flood is not waited out');
});
