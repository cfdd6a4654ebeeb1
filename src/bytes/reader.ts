// A bounds-checked cursor over received bytes. Every read past the end throws DecodeError, so a decoder that uses
// nothing else can not read what was not received.

import { DecodeError, type DecodeReason } from './decode-error.ts';

/** Network order is `big`; netlink uses the host's order, which is `little` on every machine that Node runs on here. */
export type ByteOrder = 'big' | 'little';

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isLittle: boolean;
  /** Offset of the first byte in what the outermost reader was given, for errors. */
  readonly #base: number;
  #position = 0;

  constructor(bytes: Uint8Array, order: ByteOrder, base = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isLittle = order === 'little';
    this.#base = base;
  }

  /** Bytes from the start of the outermost reader's bytes. */
  get offset(): number {
    return this.#base + this.#position;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), this.#isLittle);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), this.#isLittle);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), this.#isLittle);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), this.#isLittle);
  }

  /** A copy of the next `count` bytes: decoded values outlive the buffer they were received in. */
  bytes(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.slice(start, start + count);
  }

  skip(count: number): void {
    this.#advance(count);
  }

  /** A reader of exactly the next `count` bytes, which this one passes over. */
  sub(count: number): Reader {
    const base = this.offset;
    const start = this.#advance(count);
    return new Reader(this.#bytes.subarray(start, start + count), this.#isLittle ? 'little' : 'big', base);
  }

  /** An error about what is here; `detail` names the field. */
  error(reason: DecodeReason, detail: string): DecodeError {
    return new DecodeError(reason, this.offset, detail);
  }

  #advance(count: number): number {
    if (count > this.remaining)
      throw this.error('truncated', `${count} bytes wanted, ${this.remaining} left`);
    const start = this.#position;
    this.#position += count;
    return start;
  }
}
