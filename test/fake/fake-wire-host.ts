// A host with made-up links in virtual time: what the wire worker's loop runs on in unit tests. Waiting in its poller
// moves the clock to the next thing that happens; nothing else does.

import type { Link, LinkMonitor, Poller, PortReservation, Waker, WireHost } from '../../src/host/host.ts';
import { digests } from '../../src/host/linux/digests.ts';
import type { Address } from '../../src/net/address.ts';
import { ArpOperation } from '../../src/protocol/arp/arp-packet.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { after, type Instant, instant } from '../../src/time/instant.ts';
import { FakeLinkSocket } from './fake-link-socket.ts';

interface Happening {
  readonly at: Instant;
  readonly run: () => void;
}

export const WAKER_FD = 3;
const MONITOR_FD = 4;

/** Where the low byte of the operation is, behind the Ethernet header (RFC 826). */
const ARP_OPERATION = 21;

export class FakeWireHost implements WireHost {
  readonly #happenings: Happening[] = [];
  /** Every socket ever opened, in order. */
  readonly sockets: FakeLinkSocket[] = [];
  /** Every heartbeat socket ever opened, in order. */
  readonly heartbeatSockets: FakeLinkSocket[] = [];
  /** Every socket for heartbeats of strangers ever opened, in order. */
  readonly strangerSockets: FakeLinkSocket[] = [];
  /** Every socket that probes were ever sent on, in order. */
  readonly probeSockets: FakeLinkSocket[] = [];
  /** Ports that are reserved now. */
  readonly reservedPorts = new Set<number>();
  /** Where the frames of heartbeat sockets go. */
  onHeartbeat: (link: string, frame: Uint8Array) => void = () => {};
  /** Where the frames of ARP and probe sockets go. */
  onArp: (link: string, frame: Uint8Array) => void = () => {};
  /** Names of links on which no socket can be opened. */
  readonly refusing = new Set<string>();
  /** Whether the kernel has no memory for a dump. */
  isDumpFailing = false;
  /** How many turns the poller has been asked to wait. */
  waits = 0;
  now: Instant = instant(1_000_000);
  #links: readonly Link[] = [];
  readonly #gateways = new Map<number, readonly Address[]>();
  #hasChanged = false;
  #isAwake = false;
  #interrupted: Set<number> | 'Unknown' = new Set();
  #nextFd = 10;

  readonly clock = { now: (): Instant => this.now };

  readonly poller: Poller = {
    wait: (fds, timeout) => {
      this.waits++;
      if (this.#ready(fds).length === 0) this.#advance(timeout);
      return this.#ready(fds);
    },
  };

  #ready(fds: readonly number[]): readonly number[] {
    return fds.filter((fd) => {
      if (fd === WAKER_FD) return this.#isAwake;
      if (fd === MONITOR_FD) return this.#hasChanged;
      const socket = this.#allSockets().find((each) => each.fd === fd && !each.isClosed);
      if (socket === undefined) throw new Error(`poll descriptor ${fd}: closed`);
      return socket.isReadable;
    });
  }

  #advance(timeout: number | undefined): void {
    const next = this.#happenings[0];
    const due = timeout === undefined ? undefined : after(this.now, milliseconds(timeout));
    if (next !== undefined && (due === undefined || next.at <= due)) {
      this.#happenings.shift();
      this.now = next.at;
      next.run();
    } else if (due !== undefined) this.now = due;
    else throw new Error('poll waits for ever: nothing is going to happen');
  }

  /** Has `run` called when the clock has moved on by `count` milliseconds. */
  in(count: number, run: () => void): void {
    this.#happenings.push({ at: after(this.now, milliseconds(count)), run });
    this.#happenings.sort((a, b) => a.at - b.at);
  }

  /** Replaces the links and notifies; a link that went down or away is interrupted, and its sockets with it. */
  setLinks(links: readonly Link[]): void {
    for (const before of this.#links) {
      const link = links.find(({ index }) => index === before.index);
      if (link?.state !== 'Up') this.interrupt(before.index);
      for (const socket of this.#socketsOn(before.index))
        socket.setUp(link?.state === 'Up', link !== undefined);
    }
    for (const link of links)
      for (const socket of this.#socketsOn(link.index)) socket.setUp(link.state === 'Up', true);
    this.#links = links;
    this.#hasChanged = true;
  }

  /** Replaces the gateways of the default routes over a link, and notifies. */
  setGateways(index: number, gateways: readonly Address[]): void {
    this.#gateways.set(index, gateways);
    this.#hasChanged = true;
  }

  interrupt(index: number): void {
    if (this.#interrupted !== 'Unknown') this.#interrupted.add(index);
  }

  /** The kernel dropped notifications. */
  loseNotifications(): void {
    this.#interrupted = 'Unknown';
    this.#hasChanged = true;
  }

  wake(): void {
    this.#isAwake = true;
  }

  #allSockets(): readonly FakeLinkSocket[] {
    return [...this.sockets, ...this.heartbeatSockets, ...this.strangerSockets, ...this.probeSockets];
  }

  #socketsOn(index: number): readonly FakeLinkSocket[] {
    return this.#allSockets().filter((socket) => socket.link.index === index && !socket.isClosed);
  }

  /** The socket that is open on a link now. */
  socketOn(name: string): FakeLinkSocket {
    const open = this.sockets.filter((each) => !each.isClosed && each.link.name === name);
    const [socket] = open;
    if (socket === undefined || open.length > 1)
      throw new Error(`find socket on "${name}": ${open.length} are open, want 1`);
    return socket;
  }

  readonly digests = digests;

  openArpSocket(link: Pick<Link, 'index' | 'name'>): FakeLinkSocket {
    const socket = this.#open(link);
    socket.onSent = (frame) => this.onArp(link.name, frame);
    this.sockets.push(socket);
    return socket;
  }

  openProbeSocket(link: Pick<Link, 'index' | 'name'>): FakeLinkSocket {
    const socket = this.#open(link);
    socket.onSent = (frame) => this.onArp(link.name, frame);
    this.probeSockets.push(socket);
    return socket;
  }

  /** An ARP frame arrives: requests where they are answered, all of them where probes were sent. */
  deliverArp(name: string, frame: Uint8Array): void {
    const isRequest = frame[ARP_OPERATION] === ArpOperation.Request;
    const sockets = [...(isRequest ? this.sockets : []), ...this.probeSockets];
    for (const socket of sockets) if (!socket.isClosed && socket.link.name === name) socket.deliver(frame);
  }

  openHeartbeatSocket(link: Pick<Link, 'index' | 'name'>): FakeLinkSocket {
    const socket = this.#open(link);
    socket.onSent = (frame) => this.onHeartbeat(link.name, frame);
    this.heartbeatSockets.push(socket);
    return socket;
  }

  openStrangersSocket(link: Pick<Link, 'index' | 'name'>): FakeLinkSocket {
    const socket = this.#open(link);
    this.strangerSockets.push(socket);
    return socket;
  }

  /** A heartbeat arrives on a link. */
  deliverHeartbeat(name: string, frame: Uint8Array): void {
    for (const socket of [...this.heartbeatSockets, ...this.strangerSockets])
      if (!socket.isClosed && socket.link.name === name) socket.offer(frame);
  }

  reservePort(port: number): PortReservation {
    this.reservedPorts.add(port);
    return { close: () => void this.reservedPorts.delete(port) };
  }

  #open(link: Pick<Link, 'index' | 'name'>): FakeLinkSocket {
    if (this.refusing.has(link.name)) throw new Error(`bind packet socket to link "${link.name}": ENODEV`);
    const socket = new FakeLinkSocket(this.#nextFd++, { index: link.index, name: link.name }, this.clock);
    socket.setUp(
      this.#links.some(({ index, state }) => index === link.index && state === 'Up'),
      true,
    );
    return socket;
  }

  openLinkMonitor(): LinkMonitor {
    return {
      fd: MONITOR_FD,
      malformedMessages: 0,
      links: () => (this.isDumpFailing ? undefined : this.#links),
      gateways: () => this.#gateways,
      drain: () => {
        const hasChanged = this.#hasChanged;
        this.#hasChanged = false;
        return hasChanged;
      },
      takeInterrupted: () => {
        const interrupted = this.#interrupted;
        this.#interrupted = new Set();
        return interrupted;
      },
      close: () => {},
    };
  }

  openWaker(fd: number): Waker {
    return {
      fd,
      wake: () => this.wake(),
      drain: () => {
        this.#isAwake = false;
      },
      close: () => {},
    };
  }
}
