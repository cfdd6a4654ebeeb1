// The wire worker's loop on the real host, turned by hand: how often it wakes up, and what frames from the wire can do
// to it. Counts turns, not time.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { inNamespace } from '../../lab/netns.ts';
import { WireState } from '../../src/agent/wire-state.ts';
import type { WireHost } from '../../src/host/host.ts';
import { createWaker } from '../../src/host/linux/event-waker.ts';
import { createWireHost } from '../../src/host/linux/wire-host.ts';
import { between } from '../../src/time/instant.ts';
import { WireLoop } from '../../src/wire-worker/loop.ts';
import type { FromWorker, ToWorker } from '../../src/wire-worker/messages.ts';
import { requestFor, wantAll, wantedOf } from '../fake/fake-wire.ts';
import { Bed, run, SKIP } from './bed.ts';

const VIP = '10.77.0.50';

/** The loop is idle when poll has waited so long for nothing. */
const QUIET_MS = 300;

/** A loop in the node's namespace; its poller never waits long, and counts. */
class TurnedLoop {
  readonly messages: FromWorker[] = [];
  readonly #inbox: ToWorker[] = [];
  readonly #state = new WireState();
  readonly #waker = createWaker();
  readonly #bed: Bed;
  readonly loop: WireLoop;
  #isIdle = false;

  constructor(t: TestContext, bed: Bed) {
    this.#bed = bed;
    const options = { node: 'node1', wakerFd: this.#waker.fd };
    const receive = (): ToWorker | undefined => this.#inbox.shift();
    const post = (message: FromWorker): void => {
      this.messages.push(message);
      if (message.kind === 'held') this.#state.setHeld(message);
    };
    this.loop = new WireLoop({ host: this.#host(), ...options, receive, post });
    t.after(() => {
      this.loop.close();
      this.#waker.close();
    });
    inNamespace(bed.node, () => this.loop.start());
    this.send({ kind: 'liveness', alive: ['node1'] });
  }

  #host(): WireHost {
    const host = createWireHost();
    const { node } = this.#bed;
    return {
      ...host,
      openLinkMonitor: () => inNamespace(node, () => host.openLinkMonitor()),
      openArpSocket: (link) => inNamespace(node, () => host.openArpSocket(link)),
      poller: {
        wait: (fds, timeout) => {
          const start = host.clock.now();
          const ready = host.poller.wait(fds, Math.min(timeout ?? QUIET_MS, QUIET_MS));
          // A poll that returns early with nothing to report is what spinning looks like.
          this.#isIdle = ready.length === 0 && between(start, host.clock.now()) >= QUIET_MS;
          return ready;
        },
      },
    };
  }

  send(message: ToWorker): void {
    this.#inbox.push(message);
    this.#waker.wake();
    this.loop.turn();
  }

  /** Turns until nothing has happened for a while; returns how many turns that took. A loop that spins never gets there. */
  settle(): number {
    for (let turns = 1; turns <= 2000; turns++) {
      this.loop.turn();
      if (this.#isIdle) return turns;
    }
    throw new Error('settle: 2000 turns, and still something to do: the loop spins');
  }

  heldOnLink(): boolean {
    return [...this.#state.allHeld()].some(({ link }) => link !== undefined);
  }

  counters(): Extract<FromWorker, { readonly kind: 'counters' }>['counters'] {
    this.send({ kind: 'count' });
    const last = this.messages.filter((message) => message.kind === 'counters').at(-1);
    if (last === undefined) throw new Error('no counters');
    return last.counters;
  }

  /** Frames that were not answered. */
  dropped(): number {
    return Object.values(this.counters().dropsByReason).reduce((sum, count) => sum + count, 0);
  }

  /** Turns until something is true. */
  until(isTrue: () => boolean): void {
    for (let turns = 0; !isTrue(); turns++) {
      if (turns > 200) throw new Error('wait for the loop: 200 turns in vain');
      this.loop.turn();
    }
  }
}

test('a link that is down or gone does not make the loop spin', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const turned = new TurnedLoop(t, bed);
  turned.send(wantAll(wantedOf(VIP)));
  turned.until(() => turned.heldOnLink());
  turned.settle();
  bed.link(bed.node, 'down');
  assert.ok(turned.settle() < 20, 'a flap takes a few turns');
  assert.equal(turned.heldOnLink(), false);
  bed.link(bed.node, 'up');
  turned.until(() => turned.heldOnLink());
  assert.ok(turned.settle() < 100, 'announcing again takes a few more');
  run('ip', '-n', bed.node, 'link', 'del', 'eth0');
  assert.ok(turned.settle() < 20, 'so does the loss of the link');
});

test('random frames are counted and change nothing', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const client = bed.socket(t, bed.client);
  const turned = new TurnedLoop(t, bed);
  turned.send(wantAll(wantedOf(VIP)));
  turned.until(() => turned.heldOnLink());
  turned.settle();
  const before = turned.dropped();
  // The filter lets requests through, so what is random comes behind the operation; the target is never the held one.
  const header = requestFor(VIP).slice(0, 22);
  const tail = fc.uint8Array({ minLength: 0, maxLength: 90 });
  const frames = fc
    .sample(tail, { numRuns: 2000, seed: 20_261 })
    .map((bytes) => new Uint8Array([...header, ...bytes]));
  for (const frame of frames) client.queue(frame, frame.length);
  assert.equal(client.flush(), 0);
  turned.settle();
  assert.equal(turned.dropped() - before, frames.length);
  assert.deepEqual(
    turned.messages.filter(({ kind }) => kind === 'withdrawn'),
    [],
  );
  assert.equal(turned.counters().repliesByLink.eth0, 0);
});
