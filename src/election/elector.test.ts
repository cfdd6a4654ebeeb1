// The election of one node over its links: when it begins on each, what it says with which flags, and that a claim goes
// out in the step that made it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ME, OPTIONS, wantedOf } from '../../test/fake/election-bed.ts';
import { claimOf, INTERVAL } from '../../test/fake/fake-segment.ts';
import { HeardList, type HeartbeatFrame } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest } from '../protocol/heartbeat/peer-claim.ts';
import { milliseconds, seconds } from '../time/duration.ts';
import { after, type Instant, instant } from '../time/instant.ts';
import { Elector, type ElectorInput, type ElectorOutput } from './elector.ts';

type Transmit = Extract<ElectorOutput, { readonly kind: 'transmit' }>;

class Bed {
  readonly elector = new Elector({ ...OPTIONS, keyPatience: seconds(2) });
  readonly outputs: ElectorOutput[] = [];
  now: Instant = instant(1_000_000);

  give(...inputs: readonly ElectorInput[]): void {
    for (const input of inputs) this.outputs.push(...this.elector.step(this.now, input));
  }

  pass(count: number): void {
    const end = after(this.now, milliseconds(count));
    for (let due = this.elector.deadline(); due !== undefined && due <= end; due = this.elector.deadline()) {
      if (due > this.now) this.now = due;
      this.outputs.push(...this.elector.step(this.now, { kind: 'timeout' }));
    }
    this.now = end;
  }

  begin(): void {
    this.give({ kind: 'identity', identity: { session: 11n, interval: INTERVAL, multiplier: 3 } });
  }

  want(...addresses: readonly ReturnType<typeof wantedOf>[]): void {
    this.give({ kind: 'want', isWhole: false, addresses, dropped: [] });
  }

  /** What node 2 says, as the answer to the last frame of this node on the link. */
  hear(
    link: number,
    body: Partial<HeartbeatFrame['body']> = {},
    changes: Partial<HeartbeatFrame> = {},
  ): void {
    const sequence = Number(BigInt.asUintN(32, this.sent(link).at(-1)?.sequence ?? 0n));
    const heard = HeardList.of([{ nodeId: ME, session: 11n, sequence, age: milliseconds(0) }]);
    const frame: HeartbeatFrame = {
      ...{ keyId: 1, clusterId: 7n, nodeId: 2n, session: 22n, sequence: BigInt(Math.floor(this.now)) },
      ...{
        receiverSession: 0n,
        interval: INTERVAL,
        multiplier: 3,
        mainAge: milliseconds(0),
        claimsDigest: 0n,
      },
      flags: { isLeaving: false, isUnable: false, isHung: false, hasNoApi: false, isAlone: false },
      body: { heard, isClaimsRequest: false, offers: [], revoked: [], ...body },
      ...changes,
    };
    this.give({ kind: 'frame', link, frame });
  }

  /** To all: the peer of these tests never says that it hears what goes to it alone. */
  sent(link: number): readonly Transmit[] {
    return this.outputs
      .filter((output) => output.kind === 'transmit')
      .filter((output) => output.link === link && output.to === undefined);
  }

  kinds(): readonly string[] {
    return this.outputs.splice(0).map(({ kind }) => kind);
  }
}

/** With heartbeats on link 2, where node 2 is heard. */
function started(): Bed {
  const bed = new Bed();
  bed.begin();
  bed.give({ kind: 'link', link: 2, isOpen: true });
  bed.pass(500);
  bed.hear(2);
  bed.outputs.length = 0;
  return bed;
}

test('without heartbeats a link is waited for, and then decided by Leases and records', () => {
  const bed = new Bed();
  bed.give({ kind: 'link', link: 2, isOpen: true });
  bed.give({ kind: 'leases', alive: [ME] });
  bed.want(wantedOf());
  bed.pass(2499);
  assert.deepEqual(bed.kinds(), []);
  bed.pass(1);
  assert.deepEqual(bed.kinds(), ['announce', 'claim']);
});

test('a link that comes when heartbeats were waited for in vain is only listened to', () => {
  const bed = new Bed();
  bed.give({ kind: 'link', link: 2, isOpen: true });
  bed.pass(5000);
  bed.give({ kind: 'link', link: 2, isOpen: false }, { kind: 'leases', alive: [ME] });
  bed.want(wantedOf());
  bed.give({ kind: 'link', link: 2, isOpen: true });
  bed.pass(499);
  assert.deepEqual(bed.kinds(), []);
  bed.pass(1);
  assert.deepEqual(bed.kinds(), ['announce', 'claim']);
});

test('when heartbeats begin every link says hello at once, and is listened to anew', () => {
  const bed = new Bed();
  for (const link of [2, 3]) bed.give({ kind: 'link', link, isOpen: true });
  bed.want(wantedOf());
  bed.pass(2400);
  bed.begin();
  assert.deepEqual([bed.sent(2).length, bed.sent(3).length], [1, 1]);
  bed.pass(499);
  assert.ok(!bed.kinds().includes('announce'));
  bed.pass(1);
  assert.ok(bed.kinds().includes('announce'));
});

test('a second identity changes nothing: the session is that of the start', () => {
  const bed = started();
  const before = bed.elector.deadline();
  bed.begin();
  assert.deepEqual([bed.kinds(), bed.elector.deadline()], [[], before]);
});

test('a claim is announced, told to all links and recorded in one step', () => {
  const bed = started();
  bed.give({ kind: 'link', link: 3, isOpen: true });
  bed.outputs.length = 0;
  bed.want(wantedOf());
  assert.deepEqual([...new Set(bed.outputs.map(({ kind }) => kind))].toSorted(), [
    'announce',
    'claim',
    'transmit',
  ]);
  for (const link of [2, 3])
    assert.deepEqual(
      bed.sent(link).map(({ body }) => body.claims?.claims),
      [[claimOf(5, 1, { isRecorded: false })]],
    );
  assert.deepEqual(bed.elector.heldOf('vip5')?.epoch, 1);
});

test('a link that comes later is told what is held', () => {
  const bed = started();
  bed.want(wantedOf());
  bed.give({ kind: 'link', link: 3, isOpen: true });
  assert.deepEqual(
    bed.sent(3)[0]?.body.claims?.claims.map(({ uid }) => uid),
    [5n],
  );
});

test('what a peer is, is told with its link; what is dropped is named', () => {
  const bed = started();
  bed.hear(
    2,
    {},
    {
      flags: { isLeaving: false, isUnable: false, isHung: true, hasNoApi: false, isAlone: false },
      sequence: 9_999_999n,
    },
  );
  bed.hear(2, {}, { sequence: 9_999_999n });
  bed.hear(7);
  const [peer, drop, ...rest] = bed.outputs;
  assert.ok(peer?.kind === 'peer' && peer.link === 2 && peer.node === 2n && peer.peer?.isHung === true);
  assert.deepEqual([drop, rest], [{ kind: 'drop', link: 2, reason: 'replayed' }, []]);
});

test('an offer of a peer is taken; one of this node goes to the link of the address', () => {
  const bed = started();
  const record = { holder: 2n, epoch: 4 };
  bed.give({ kind: 'leases', alive: [ME, 2n] });
  bed.want(wantedOf(5, { candidates: [2n, ME], record }));
  bed.pass(50);
  bed.outputs.length = 0;
  bed.hear(2, { offers: [{ uid: 5n, epoch: 4, to: ME }] }, { sequence: 9_999_999n });
  assert.ok(bed.kinds().includes('announce'));
  bed.give({ kind: 'leave' });
  const offers = bed.sent(2).flatMap(({ body }) => body.offers);
  assert.deepEqual(
    offers.map(({ uid, epoch, to }) => [uid, epoch, to]),
    [[5n, 5, 2n]],
  );
});

test('a claim of a peer for what is deleted is revoked on its link at once; what a peer revokes is asked about', () => {
  const bed = started();
  const claim = claimOf(7, 4);
  bed.hear(
    2,
    { claims: { page: 0, pages: 1, claims: [claim] } },
    { claimsDigest: claimsDigest([claim]), sequence: 9_999_998n },
  );
  bed.outputs.length = 0;
  bed.give({ kind: 'deleted', uids: [7n] });
  assert.deepEqual(
    bed.sent(2).map(({ body }) => body.revoked),
    [[7n]],
  );
  bed.want(wantedOf());
  bed.outputs.length = 0;
  bed.hear(2, { revoked: [5n] }, { sequence: 9_999_999n });
  assert.ok(bed.kinds().includes('revoked'));
  bed.give({ kind: 'judged', uid: 'vip5', isListed: false });
  assert.ok(bed.kinds().includes('withdraw'));
});

test('to hang, to move again and to leave are said at once, in the header', () => {
  const bed = started();
  bed.want(wantedOf());
  bed.outputs.length = 0;
  bed.give({ kind: 'self', isAble: false, isHung: false, isUnable: false });
  assert.deepEqual(bed.kinds(), [], 'that is nothing for others');
  bed.give({ kind: 'self', isAble: false, isHung: true, isUnable: false });
  bed.give({ kind: 'self', isAble: true, isHung: false, isUnable: false });
  bed.give({ kind: 'leave' });
  const flags = bed.sent(2).map(({ flags: { isHung, isLeaving } }) => [isHung, isLeaving]);
  assert.deepEqual(
    [flags.at(0), flags.at(1), flags.at(-1)],
    [
      [true, false],
      [false, false],
      [false, true],
    ],
  );
});

test('to be alone is said of each link by itself', () => {
  const bed = started();
  bed.give({ kind: 'link', link: 3, isOpen: true });
  bed.pass(100);
  assert.deepEqual([bed.sent(2).at(-1)?.flags.isAlone, bed.sent(3).at(-1)?.flags.isAlone], [false, true]);
});

test('a gap of its own is no silence of others', () => {
  const bed = started();
  bed.now = after(bed.now, seconds(5));
  bed.give({ kind: 'gap' });
  bed.outputs.push(...bed.elector.step(bed.now, { kind: 'timeout' }));
  assert.ok(!bed.kinds().includes('peer'));
});

test('a link that went has no deadlines and is not spoken on', () => {
  const bed = started();
  bed.give({ kind: 'link', link: 2, isOpen: false });
  bed.outputs.length = 0;
  bed.pass(10_000);
  assert.deepEqual([bed.kinds(), bed.elector.deadline()], [[], undefined]);
});
