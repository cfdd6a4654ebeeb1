// Whom the sender of a heartbeat has heard: the value of HEARD (heartbeat-body.ts), as the bytes that it is on the wire.
// A hundred peers list sixty others each, ten times a second, and hardly an entry of theirs is ever asked for: as objects
// these lists were most of what heartbeats cost.

import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import { type Duration, milliseconds } from '../../time/duration.ts';

/** What was heard last from one peer of the segment. */
export interface Heard {
  readonly nodeId: bigint;
  readonly session: bigint;
  /** The low 32 bits of the sequence. */
  readonly sequence: number;
  /** How long ago; above 65,535 ms it is written as that, and it is rounded to milliseconds. */
  readonly age: Duration;
}

/** Bytes of one entry: u64 node id, u64 session, u32 sequence, u16 age in ms. */
export const HEARD_LENGTH = 22;
const AGE_OFFSET = 20;
const MAX_AGE = 0xffff;

/** What an entry begins with, as bytes: a node id, and maybe a session of that node. */
export type HeardKey = Uint8Array;

export function heardKey(nodeId: bigint, session?: bigint): HeardKey {
  const key = new Uint8Array(session === undefined ? 8 : 16);
  const writer = new Writer(key, 'big');
  writer.u64(nodeId);
  if (session !== undefined) writer.u64(session);
  return key;
}

export class HeardList implements Iterable<Heard> {
  static readonly EMPTY = new HeardList(new Uint8Array(0));

  /** The entries as they are on the wire. */
  readonly bytes: Uint8Array;

  /** Keeps the bytes, which have to be whole entries and to stay as they are: RangeError for a part of an entry. */
  constructor(bytes: Uint8Array) {
    if (bytes.length % HEARD_LENGTH !== 0)
      throw new RangeError(`list as heard ${bytes.length} bytes: want entries of ${HEARD_LENGTH}`);
    this.bytes = bytes;
  }

  static of(entries: readonly Heard[]): HeardList {
    if (entries.length === 0) return HeardList.EMPTY;
    const bytes = new Uint8Array(entries.length * HEARD_LENGTH);
    const writer = new Writer(bytes, 'big');
    for (const { nodeId, session, sequence, age } of entries) {
      writer.u64(nodeId);
      writer.u64(session);
      writer.u32(sequence);
      writer.u16(Math.min(Math.round(age), MAX_AGE));
    }
    return new HeardList(bytes);
  }

  get length(): number {
    return this.bytes.length / HEARD_LENGTH;
  }

  *[Symbol.iterator](): Generator<Heard> {
    for (let start = 0; start < this.bytes.length; start += HEARD_LENGTH) yield readHeard(this.bytes, start);
  }

  /** The first entry with this key. */
  find(key: HeardKey): Heard | undefined {
    const { bytes } = this;
    const { length } = bytes;
    for (let start = 0; start < length; start += HEARD_LENGTH)
      if (isAt(bytes, start, key)) return readHeard(bytes, start);
    return undefined;
  }

  /** The age of the one that was heard last; undefined if nobody was heard. */
  youngest(): Duration | undefined {
    const { bytes } = this;
    const { length } = bytes;
    if (length === 0) return undefined;
    let youngest = MAX_AGE;
    for (let at = AGE_OFFSET; at < length; at += HEARD_LENGTH) {
      const age = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      if (age < youngest) youngest = age;
    }
    return milliseconds(youngest);
  }
}

/** The last entry with this key among the first `length` bytes. */
export function findLastHeard(bytes: Uint8Array, length: number, key: HeardKey): Heard | undefined {
  for (let start = length - HEARD_LENGTH; start >= 0; start -= HEARD_LENGTH)
    if (isAt(bytes, start, key)) return readHeard(bytes, start);
  return undefined;
}

function isAt(bytes: Uint8Array, start: number, key: HeardKey): boolean {
  const { length } = key;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== key[i]) return false;
  return true;
}

function readHeard(bytes: Uint8Array, start: number): Heard {
  const reader = new Reader(bytes.subarray(start, start + HEARD_LENGTH), 'big');
  return {
    nodeId: reader.u64(),
    session: reader.u64(),
    sequence: reader.u32(),
    age: milliseconds(reader.u16()),
  };
}
