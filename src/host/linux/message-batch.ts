// The array of struct mmsghdr that recvmmsg(2) and sendmmsg(2) take: a fixed number of slots, each with room for one
// frame and its link-layer address (packet(7), struct sockaddr_ll). Made once per socket, so that the answer path
// allocates nothing.

import { addressOf, LITTLE_ENDIAN, stableBytes, viewOf } from './libc.ts';

/** struct mmsghdr on 64-bit: msghdr (name, namelen, iov, iovlen, control, controllen, flags), then the length. */
const HEADER = { size: 64, name: 0, nameLength: 8, vector: 16, vectorLength: 24, length: 56 } as const;
/** struct iovec: base, length. */
const VECTOR = { size: 16, base: 0, length: 8 } as const;
/** struct sockaddr_ll: family, protocol, ifindex, hatype, pkttype, halen, addr. */
const NAME = { size: 20, packetType: 10 } as const;

export class MessageBatch {
  /** The mmsghdr array, for the system call. */
  readonly headers: Uint8Array;
  readonly slots: number;
  readonly slotBytes: number;
  readonly #frames: readonly Uint8Array[];
  // Referenced for as long as the headers point into them.
  readonly #vectors: Uint8Array;
  readonly #names: Uint8Array;
  readonly #headerView: DataView;
  readonly #vectorView: DataView;

  /** `hasNames`: whether the kernel shall write where each frame came from. */
  constructor(slots: number, slotBytes: number, hasNames: boolean) {
    this.slots = slots;
    this.slotBytes = slotBytes;
    const store = stableBytes(slots * slotBytes);
    this.#frames = Array.from({ length: slots }, (_, i) =>
      store.subarray(i * slotBytes, (i + 1) * slotBytes),
    );
    this.headers = stableBytes(slots * HEADER.size);
    this.#vectors = stableBytes(slots * VECTOR.size);
    this.#names = stableBytes(slots * NAME.size);
    this.#headerView = viewOf(this.headers);
    this.#vectorView = viewOf(this.#vectors);
    for (let i = 0; i < slots; i++) this.#link(i, addressOf(store), hasNames);
  }

  #link(i: number, store: bigint, hasNames: boolean): void {
    const header = i * HEADER.size;
    const vector = i * VECTOR.size;
    this.#vectorView.setBigUint64(vector + VECTOR.base, store + BigInt(i * this.slotBytes), LITTLE_ENDIAN);
    this.#vectorView.setBigUint64(vector + VECTOR.length, BigInt(this.slotBytes), LITTLE_ENDIAN);
    this.#headerView.setBigUint64(
      header + HEADER.vector,
      addressOf(this.#vectors) + BigInt(vector),
      LITTLE_ENDIAN,
    );
    this.#headerView.setBigUint64(header + HEADER.vectorLength, 1n, LITTLE_ENDIAN);
    if (!hasNames) return;
    const name = addressOf(this.#names) + BigInt(i * NAME.size);
    this.#headerView.setBigUint64(header + HEADER.name, name, LITTLE_ENDIAN);
    this.#headerView.setUint32(header + HEADER.nameLength, NAME.size, LITTLE_ENDIAN);
  }

  frame(slot: number): Uint8Array {
    const frame = this.#frames[slot];
    if (frame === undefined) throw new RangeError(`slot ${slot} of a batch of ${this.slots}`);
    return frame;
  }

  /** The length of the frame that the kernel wrote into a slot. */
  receivedLength(slot: number): number {
    return this.#headerView.getUint32(slot * HEADER.size + HEADER.length, LITTLE_ENDIAN);
  }

  /** sll_pkttype of the frame that the kernel wrote into a slot. */
  packetType(slot: number): number {
    return this.#names[slot * NAME.size + NAME.packetType] ?? 0;
  }

  /** Says how much of a slot is to be transmitted. */
  setLength(slot: number, length: number): void {
    // The high half of the 64-bit length stays 0.
    this.#vectorView.setUint32(slot * VECTOR.size + VECTOR.length, length, LITTLE_ENDIAN);
  }

  /** The headers from `slot` on. */
  headersFrom(slot: number): Uint8Array {
    return slot === 0 ? this.headers : this.headers.subarray(slot * HEADER.size);
  }
}
