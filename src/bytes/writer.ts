// A cursor that writes into a given buffer. It writes every byte that it passes over, zeros included, so the buffer
// may be dirty. Running out of room is a bug of ours and throws RangeError.

import type { ByteOrder } from './reader.ts';

export class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isLittle: boolean;
  #position = 0;

  constructor(into: Uint8Array, order: ByteOrder) {
    this.#bytes = into;
    this.#view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    this.#isLittle = order === 'little';
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#position;
  }

  u8(value: number): void {
    this.#view.setUint8(this.#advance(1), value);
  }

  u16(value: number): void {
    this.#view.setUint16(this.#advance(2), value, this.#isLittle);
  }

  u32(value: number): void {
    this.#view.setUint32(this.#advance(4), value, this.#isLittle);
  }

  u64(value: bigint): void {
    this.#view.setBigUint64(this.#advance(8), value, this.#isLittle);
  }

  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#advance(value.length));
  }

  zeros(count: number): void {
    const start = this.#advance(count);
    this.#bytes.fill(0, start, start + count);
  }

  #advance(count: number): number {
    const start = this.#position;
    if (start + count > this.#bytes.length) {
      throw new RangeError(`buffer of ${this.#bytes.length} bytes, ${start + count} wanted`);
    }
    this.#position += count;
    return start;
  }
}
