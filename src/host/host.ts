// What the operating system gives, as types. The shells know these only; the real ones (host/linux) are
// constructed in bin/ and wire-worker/entry.ts, fakes in test/fake/.

import type { Address } from '../net/address.ts';
import type { Mac } from '../net/mac.ts';
import type { Instant } from '../time/instant.ts';

/** A clock that never goes back and counts suspend (CLOCK_BOOTTIME). */
export interface Clock {
  now(): Instant;
}

/** Wall time, only for what people and the API read (timestamps), never for deadlines. */
export interface WallClock {
  /** The present time as RFC 3339 with microseconds, for example `2026-12-01T10:00:00.123456Z`. */
  timestamp(): string;
}

/** What draws random numbers, for jitter and identifiers; a fake draws from a seed. */
export interface Random {
  /** At least 0, below 1. */
  fraction(): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** Operating state of a link: RFC 2863 ifOperStatus reduced to what an announcer needs. */
export type LinkState = 'Up' | 'Down';

export interface LinkAddress {
  readonly address: Address;
  readonly prefixLength: number;
}

/** A network link of this host as the kernel reports it (rtnetlink). */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: Mac;
  readonly state: LinkState;
  readonly mtu: number;
  /** IFF_LOOPBACK, IFF_NOARP or no Ethernet hardware address: never announced on. */
  readonly isEthernet: boolean;
  readonly addresses: readonly LinkAddress[];
}

/** Why a send did not leave; `Down` covers ENETDOWN, ENODEV and ENXIO (the link is down or gone). */
export type TransmitResult = 'Sent' | 'Down' | 'Full' | 'Failed';

/**
 * A packet socket bound to one link, without blocking. Frames are taken from the kernel in batches: `fill`, then
 * `receive` until it returns 0. The socket outlives link flaps: after ENETDOWN it goes on by itself when the link is up
 * again.
 */
export interface LinkSocket {
  readonly fd: number;
  readonly link: { readonly index: number; readonly name: string };
  /** Takes the next batch of frames, when the last one was given out. Consumes a pending socket error. */
  fill(): void;
  /** Copies the next frame of the batch into `into`; returns its length, or 0 at the end of the batch. */
  receive(into: Uint8Array): number;
  transmit(frame: Uint8Array, length: number): TransmitResult;
  /** Copies a frame into the batch that the next `flush` transmits; a full batch is flushed by itself. */
  queue(frame: Uint8Array, length: number): void;
  /** Transmits what is queued, in order; returns how many frames did not leave since the last flush. */
  flush(): number;
  /** False after the link was deleted, even if another with the same index or name has come since. */
  isBound(): boolean;
  /** Frames received that were addressed to another host (promiscuous mode, VLANs); they are never given out. */
  readonly foreignFrames: number;
  /** Frames that the kernel has dropped since the last call, because they came faster than they were taken. */
  takeDrops(): number;
  close(): void;
}

/** By the source MAC of a frame: those of `macs` alone, or all but those. */
export interface SourceFilter {
  readonly kind: 'Only' | 'AllBut';
  readonly macs: readonly Mac[];
}

/** A socket whose frames the kernel chooses by their senders, before they take up room in its queue. */
export interface FilteredSocket extends LinkSocket {
  /** From now on; what is in the queue already stays there. At first it is 'Only' nobody. */
  setSources(sources: SourceFilter): void;
}

/** The gateways of default routes, by the index of their link. */
export type Gateways = ReadonlyMap<number, readonly Address[]>;

/** Reports the host's links and tells when something about them changed. */
export interface LinkMonitor {
  readonly fd: number;
  /** A full dump of links with their addresses; undefined when the kernel could not give one now (ask again later). */
  links(): readonly Link[] | undefined;
  /** As of the last `links`. */
  gateways(): Gateways;
  /**
   * Reads queued notifications, a storm of them in parts; true if anything changed or notifications were lost (then
   * dump again).
   */
  drain(): boolean;
  /**
   * Which links were down or gone at some moment since the last call, even if they are up by now: a flap that is
   * shorter than our reaction still has to be announced. 'Unknown' after lost notifications: any of them.
   */
  takeInterrupted(): ReadonlySet<number> | 'Unknown';
  /** Netlink messages that could not be decoded; what they tell of is missing from `links`. */
  readonly malformedMessages: number;
  close(): void;
}

/** Wakes a thread that is blocked in `Poller.wait` from another thread (eventfd). */
export interface Waker {
  readonly fd: number;
  wake(): void;
  /** Consumes all wake-ups. */
  drain(): void;
  close(): void;
}

/** poll(2) over a set of descriptors. */
export interface Poller {
  /**
   * Blocks until one of `fds` is readable or in error, or the timeout has passed (undefined = no timeout).
   * Returns the descriptors that need attention.
   */
  wait(fds: readonly number[], timeoutMilliseconds: number | undefined): readonly number[];
}

/** Digests, which pure files take as arguments. */
export interface Digests {
  /** 32 bytes, of the text in UTF-8. */
  sha256(text: string): Uint8Array;
  /** 32 bytes. */
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
}

/** A port that is bound and receives nothing. */
export interface PortReservation {
  close(): void;
}

/** All that the wire worker needs of the host. */
export interface WireHost {
  readonly clock: Clock;
  readonly poller: Poller;
  readonly digests: Digests;
  openArpSocket(link: Pick<Link, 'index' | 'name'>): LinkSocket;
  /** Receives ARP of any kind. */
  openProbeSocket(link: Pick<Link, 'index' | 'name'>): LinkSocket;
  /** Receives UDP datagrams to `port` over IPv4, also those to the Ethernet multicast address `group`. */
  openHeartbeatSocket(link: Pick<Link, 'index' | 'name'>, port: number, group: Mac): FilteredSocket;
  /** The same with room for a few frames only. */
  openStrangersSocket(link: Pick<Link, 'index' | 'name'>, port: number, group: Mac): FilteredSocket;
  /** Keeps a UDP port from being used by others, and the kernel from refusing what comes to it. */
  reservePort(port: number): PortReservation;
  openLinkMonitor(): LinkMonitor;
  /** Takes hold of a waker made by another thread, by its descriptor. */
  openWaker(fd: number): Waker;
}

/** Text that outlives the process; each write takes the place of all that was there. */
export interface StateStore {
  /** Undefined if nothing was ever written. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}
