// A packet socket (packet(7)) bound to one Ethernet link that receives ARP requests and transmits frames. Receives
// and transmits in batches, so that a flood costs two system calls per 64 frames.

import type { Link, LinkSocket, TransmitResult } from '../host.ts';
import { attachArpFilter } from './arp-filter.ts';
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

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_IGNORE_OUTGOING = 23;
const ETHERTYPE_ARP = 0x0806;
const MSG_DONTWAIT = 0x40;

/** sll_pkttype: 0 HOST, 1 BROADCAST, 2 MULTICAST are for us; 3 OTHERHOST and 4 OUTGOING are not (ELECTION.md section 11). */
const LAST_TYPE_FOR_US = 2;

const BATCH = 64;
/** An ARP frame has 42 bytes, 60 with padding; a longer one is cut, which its decoder does not mind. */
const SLOT_BYTES = 128;
/** Room for some 5,000 frames while the worker is busy elsewhere. */
const BUFFER_BYTES = 4 << 20;

/** struct sockaddr_ll: u16 family, u16 protocol (network order), int ifindex, then the address. */
const SOCKADDR_LL = 20;

const TPACKET_STATS = 8;

type LinkName = Pick<Link, 'index' | 'name'>;

/** Opens the socket; throws SystemError, with code ENODEV when the link has gone meanwhile. */
export function openArpSocket(link: LinkName): LinkSocket {
  // Protocol 0 receives nothing until bind, so no frame slips in before the filter is there.
  const fd = check(libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0), 'open packet socket');
  try {
    attachArpFilter(fd, SLOT_BYTES);
    check(setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), 'ignore outgoing frames on packet socket');
    growBuffer(fd, 'receive', BUFFER_BYTES);
    growBuffer(fd, 'transmit', BUFFER_BYTES);
    bindToLink(fd, link);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return new PacketSocket(fd, link);
}

function bindToLink(fd: number, link: LinkName): void {
  const address = stableBytes(SOCKADDR_LL);
  const view = viewOf(address);
  view.setUint16(0, AF_PACKET, LITTLE_ENDIAN);
  view.setUint16(2, ETHERTYPE_ARP);
  view.setInt32(4, link.index, LITTLE_ENDIAN);
  check(libc.bind(fd, address, SOCKADDR_LL), `bind packet socket to link "${link.name}"`);
}

class PacketSocket implements LinkSocket {
  readonly fd: number;
  readonly link: LinkName;
  readonly #received = new MessageBatch(BATCH, SLOT_BYTES, true);
  readonly #queued = new MessageBatch(BATCH, SLOT_BYTES, false);
  #receivedCount = 0;
  #nextReceived = 0;
  #queuedCount = 0;
  #lost = 0;
  #foreign = 0;

  constructor(fd: number, link: LinkName) {
    this.fd = fd;
    this.link = link;
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
    for (let i = 0; i < length; i++) into[i] = frame[i] ?? 0;
    return length;
  }

  // A pending error of the link, such as ENETDOWN after a flap, is consumed by having been reported once; then the
  // frames behind it are there. What is our own mistake would come back for ever.
  #receiveBatch(): number {
    for (let errors = 0; errors < 3; errors++) {
      const count = libc.recvmmsg(this.fd, this.#received.headers, BATCH, MSG_DONTWAIT, null);
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
    if (length > SLOT_BYTES)
      throw new RangeError(`a queued frame has at most ${SLOT_BYTES} bytes, not ${length}`);
    if (this.#queuedCount === BATCH) this.#transmitQueued();
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
