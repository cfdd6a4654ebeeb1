// A packet socket (packet(7)) bound to one Ethernet link that receives ARP requests, or heartbeats, and transmits frames.
// Receives and transmits in batches, so that a flood of requests costs two system calls per 64 frames.

import type { Mac } from '../../net/mac.ts';
import type { FilteredSocket, Link, LinkSocket, SourceFilter, TransmitResult } from '../host.ts';
import { arpFrames, arpRequests } from './arp-filter.ts';
import { datagramsTo } from './heartbeat-filter.ts';
import {
  check,
  errnoName,
  growBuffer,
  LITTLE_ENDIAN,
  libc,
  SystemError,
  setOption,
  stableBytes,
  viewOf,
} from './libc.ts';
import { MessageBatch } from './message-batch.ts';
import { attachFilter, type Instruction } from './socket-filter.ts';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_MULTICAST = 0;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const MSG_DONTWAIT = 0x40;

/** sll_pkttype: 0 HOST, 1 BROADCAST, 2 MULTICAST are for us; 3 OTHERHOST and 4 OUTGOING are not (ELECTION.md section 11). */
const LAST_TYPE_FOR_US = 2;

/** What a socket receives, and how much room it has for it. */
interface Purpose {
  readonly etherType: number;
  readonly filter: (capture: number) => readonly Instruction[];
  /** Frames in one system call. */
  readonly batch: number;
  readonly slotBytes: number;
  readonly bufferBytes: number;
}

const ARP: Purpose = {
  etherType: ETHERTYPE_ARP,
  filter: arpRequests,
  batch: 64,
  // An ARP frame has 42 bytes, 60 with padding; a longer one is cut, which its decoder does not mind.
  slotBytes: 128,
  // Room for some 5,000 frames while the worker is busy elsewhere.
  bufferBytes: 4 << 20,
};

/** For the answers to a few questions. */
const PROBES: Purpose = { ...ARP, filter: arpFrames, batch: 16, bufferBytes: 1 << 18 };

const NOBODY: SourceFilter = { kind: 'Only', macs: [] };

const heartbeats = (port: number): Purpose => ({
  etherType: ETHERTYPE_IPV4,
  filter: (capture) => datagramsTo(port, NOBODY, capture),
  batch: 16,
  slotBytes: 1518,
  bufferBytes: 1 << 20,
});

/** What waits here for long is of no use any more. */
const strangers = (port: number): Purpose => ({ ...heartbeats(port), bufferBytes: 1 << 17 });

/** struct sockaddr_ll: u16 family, u16 protocol (network order), int ifindex, then the address. */
const SOCKADDR_LL = 20;

/** Copied byte by byte, without anything to collect: ARP frames are. */
const SHORT = 128;

const TPACKET_STATS = 8;

type LinkName = Pick<Link, 'index' | 'name'>;

/** Opens the socket; throws SystemError, with code ENODEV when the link has gone meanwhile. */
export const openArpSocket = (link: LinkName): LinkSocket => openPacketSocket(link, ARP);

/** A socket for ARP of any kind. */
export const openProbeSocket = (link: LinkName): LinkSocket => openPacketSocket(link, PROBES);

/** A socket for UDP datagrams over IPv4 to `port`, those to the Ethernet multicast address `group` included. */
export const openHeartbeatSocket = (link: LinkName, port: number, group: Mac): FilteredSocket =>
  openFilteredSocket(link, port, { group, purpose: heartbeats(port) });

/** The same with room for a few hundred frames. */
export const openStrangersSocket = (link: LinkName, port: number, group: Mac): FilteredSocket =>
  openFilteredSocket(link, port, { group, purpose: strangers(port) });

function openFilteredSocket(
  link: LinkName,
  port: number,
  { group, purpose }: { readonly group: Mac; readonly purpose: Purpose },
): FilteredSocket {
  const socket = openPacketSocket(link, purpose, (fd) => joinGroup(fd, link, group));
  const setSources = (sources: SourceFilter): void =>
    attachFilter(socket.fd, datagramsTo(port, sources, purpose.slotBytes), 'packet socket');
  return Object.assign(socket, { setSources });
}

function openPacketSocket(link: LinkName, purpose: Purpose, prepare?: (fd: number) => void): PacketSocket {
  // Protocol 0 receives nothing until bind, so no frame slips in before the filter is there.
  const fd = check(libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0), 'open packet socket');
  try {
    attachFilter(fd, purpose.filter(purpose.slotBytes), 'packet socket');
    check(setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), 'ignore outgoing frames on packet socket');
    growBuffer(fd, 'receive', purpose.bufferBytes);
    growBuffer(fd, 'transmit', purpose.bufferBytes);
    prepare?.(fd);
    bindToLink(fd, link, purpose.etherType);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return new PacketSocket(fd, link, purpose);
}

/** struct packet_mreq: int ifindex, u16 type, u16 alen, u8 address[8]. */
function joinGroup(fd: number, link: LinkName, group: Mac): void {
  const request = stableBytes(16);
  const view = viewOf(request);
  view.setInt32(0, link.index, LITTLE_ENDIAN);
  view.setUint16(4, PACKET_MR_MULTICAST, LITTLE_ENDIAN);
  view.setUint16(6, group.length, LITTLE_ENDIAN);
  request.set(group, 8);
  const result = libc.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request, request.length);
  check(result, `join multicast group on link "${link.name}"`);
}

function bindToLink(fd: number, link: LinkName, etherType: number): void {
  const address = stableBytes(SOCKADDR_LL);
  const view = viewOf(address);
  view.setUint16(0, AF_PACKET, LITTLE_ENDIAN);
  view.setUint16(2, etherType);
  view.setInt32(4, link.index, LITTLE_ENDIAN);
  check(libc.bind(fd, address, SOCKADDR_LL), `bind packet socket to link "${link.name}"`);
}

class PacketSocket implements LinkSocket {
  readonly fd: number;
  readonly link: LinkName;
  readonly #batch: number;
  readonly #slotBytes: number;
  readonly #received: MessageBatch;
  readonly #queued: MessageBatch;
  #receivedCount = 0;
  #nextReceived = 0;
  #queuedCount = 0;
  #lost = 0;
  #foreign = 0;

  constructor(fd: number, link: LinkName, { batch, slotBytes }: Purpose) {
    this.fd = fd;
    this.link = link;
    this.#batch = batch;
    this.#slotBytes = slotBytes;
    this.#received = new MessageBatch(batch, slotBytes, true);
    this.#queued = new MessageBatch(batch, slotBytes, false);
  }

  get foreignFrames(): number {
    return this.#foreign;
  }

  fill(): void {
    this.#receivedCount = this.#receiveBatch();
    this.#nextReceived = 0;
  }

  receive(into: Uint8Array): number {
    while (this.#nextReceived < this.#receivedCount) {
      const slot = this.#nextReceived++;
      if (this.#received.packetType(slot) > LAST_TYPE_FOR_US) this.#foreign++;
      else return this.#take(slot, into);
    }
    return 0;
  }

  #take(slot: number, into: Uint8Array): number {
    const frame = this.#received.frame(slot);
    const length = Math.min(this.#received.receivedLength(slot), into.length);
    // A call costs as much as some hundred bytes.
    if (length > SHORT) into.set(frame.subarray(0, length));
    else for (let i = 0; i < length; i++) into[i] = frame[i] ?? 0;
    return length;
  }

  // A pending error of the link, such as ENETDOWN after a flap, is consumed by having been reported once; then the
  // frames behind it are there. What is our own mistake would come back for ever.
  #receiveBatch(): number {
    for (let errors = 0; errors < 3; errors++) {
      const count = libc.recvmmsg(this.fd, this.#received.headers, this.#batch, MSG_DONTWAIT, null);
      if (count >= 0) return count;
      const code = errnoName();
      if (code === 'EAGAIN') return 0;
      if (isOurMistake(code)) throw new SystemError(`receive on link "${this.link.name}"`, code);
    }
    return 0;
  }

  transmit(frame: Uint8Array, length: number): TransmitResult {
    if (libc.send(this.fd, frame, length, MSG_DONTWAIT) >= 0) return 'Sent';
    const first = this.#failure('transmit');
    // An error that was pending since a flap is reported once to whoever calls first, although the link is up again.
    if (first !== 'Down') return first;
    return libc.send(this.fd, frame, length, MSG_DONTWAIT) >= 0 ? 'Sent' : this.#failure('transmit');
  }

  queue(frame: Uint8Array, length: number): void {
    if (length > this.#slotBytes)
      throw new RangeError(`a queued frame has at most ${this.#slotBytes} bytes, not ${length}`);
    if (this.#queuedCount === this.#batch) this.#transmitQueued();
    const slot = this.#queued.frame(this.#queuedCount);
    for (let i = 0; i < length; i++) slot[i] = frame[i] ?? 0;
    this.#queued.setLength(this.#queuedCount++, length);
  }

  flush(): number {
    if (this.#queuedCount > 0) this.#transmitQueued();
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  // sendmmsg stops at the first frame that fails and reports it at the next call: try that one again (see transmit),
  // then give up the rest, because a link that is down or full will not take it either.
  #transmitQueued(): void {
    const total = this.#queuedCount;
    this.#queuedCount = 0;
    for (let done = 0, failures = 0; done < total; ) {
      const count = libc.sendmmsg(this.fd, this.#queued.headersFrom(done), total - done, MSG_DONTWAIT);
      if (count > 0) done += count;
      else if (this.#failure('transmit batch') !== 'Down' || ++failures > 1) {
        this.#lost += total - done;
        return;
      }
    }
  }

  #failure(action: string): Exclude<TransmitResult, 'Sent'> {
    const code = errnoName();
    if (isOurMistake(code)) throw new SystemError(`${action} on link "${this.link.name}"`, code);
    if (code === 'ENETDOWN' || code === 'ENODEV' || code === 'ENXIO') return 'Down';
    return code === 'EAGAIN' || code === 'ENOBUFS' ? 'Full' : 'Failed';
  }

  takeDrops(): number {
    const length = new Uint32Array([TPACKET_STATS]);
    const statistics = stableBytes(TPACKET_STATS);
    check(
      libc.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, statistics, length),
      `read statistics of packet socket on "${this.link.name}"`,
    );
    // struct tpacket_stats: u32 packets, u32 drops; the kernel sets both to 0 when they are read.
    return viewOf(statistics).getUint32(4, LITTLE_ENDIAN);
  }

  isBound(): boolean {
    const address = stableBytes(SOCKADDR_LL);
    const length = new Uint32Array([SOCKADDR_LL]);
    check(libc.getsockname(this.fd, address, length), `ask link of packet socket on "${this.link.name}"`);
    // The kernel sets the index to -1 when the link is unregistered.
    return viewOf(address).getInt32(4, LITTLE_ENDIAN) === this.link.index;
  }

  close(): void {
    check(libc.close(this.fd), `close packet socket on "${this.link.name}"`);
  }
}

const isOurMistake = (code: string): boolean =>
  code === 'EBADF' || code === 'ENOTSOCK' || code === 'EFAULT' || code === 'EINVAL';
