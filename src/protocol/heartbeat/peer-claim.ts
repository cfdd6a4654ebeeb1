// One claim as a heartbeat carries it, and the digest over all claims of a node by which a peer sees that it knows them.
//
//   off len
//     0  8  uid: the first 8 bytes of the VirtualIP's uid
//     8  4  creation time of the VirtualIP in seconds
//    12  4  epoch; 0 among changes: not claimed any more
//    16  1  state: 1 HELD, 2 TAKING (unless somebody else has it: held before the node was stopped), 3 LEAVING
//    17  1  flags: bit 0 recorded, bit 1 alone; others 0, ignored
//    18  2  reserved 0, ignored

import type { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';

export const CLAIM_LENGTH = 20;

export type PeerClaimState = 'Held' | 'Taking' | 'Leaving';

/** What orders two claims for one address is in ELECTION.md section 5. */
export interface PeerClaim {
  readonly uid: bigint;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly epoch: number;
  readonly state: PeerClaimState;
  /** The API has it. */
  readonly isRecorded: boolean;
  /** Made or held while no peer was heard. */
  readonly isAlone: boolean;
}

const STATE_CODES = { Held: 1, Taking: 2, Leaving: 3 } as const;
const STATES: Readonly<Record<number, PeerClaimState>> = { 1: 'Held', 2: 'Taking', 3: 'Leaving' };

const Flag = { Recorded: 1, Alone: 2 } as const;

export function writeClaim(writer: Writer, claim: PeerClaim): void {
  writer.u64(claim.uid);
  writer.u32(claim.createdAt);
  writer.u32(claim.epoch);
  writer.u8(STATE_CODES[claim.state]);
  writer.u8((claim.isRecorded ? Flag.Recorded : 0) | (claim.isAlone ? Flag.Alone : 0));
  writer.zeros(2);
}

/** Throws DecodeError. */
export function readClaim(reader: Reader): PeerClaim {
  const uid = reader.u64();
  const createdAt = reader.u32();
  const epoch = reader.u32();
  const state = STATES[reader.u8()];
  if (state === undefined) throw reader.error('bad-value', 'state of a claim');
  const flags = reader.u8();
  reader.skip(2);
  const isRecorded = (flags & Flag.Recorded) !== 0;
  const isAlone = (flags & Flag.Alone) !== 0;
  return { uid, createdAt, epoch, state, isRecorded, isAlone };
}

/** Says among changes that a claim has ended: no claim has this epoch, and who does not know that asks for pages. */
const GONE_EPOCH = 0;

export const goneClaim = (claim: PeerClaim): PeerClaim => ({ ...claim, epoch: GONE_EPOCH });

export const isGone = ({ epoch }: PeerClaim): boolean => epoch === GONE_EPOCH;

/** All but the uid, which is the key of both. */
export const isSameClaim = (a: PeerClaim | undefined, b: PeerClaim): boolean =>
  a !== undefined &&
  a.epoch === b.epoch &&
  a.state === b.state &&
  a.isRecorded === b.isRecorded &&
  a.isAlone === b.isAlone &&
  a.createdAt === b.createdAt;

/**
 * The claims digest of a heartbeat: the hashes of all claims, added by exclusive or, so that the order does not matter
 * and a claim that changes costs nothing but itself; uids are unique in the list. 0 is kept for no claims: a digest of
 * claims that comes out as 0 is 1.
 *
 * It says whether two lists are the same, to agents that trust each other; it withstands chance (2^-64), not malice.
 */
export const claimsDigest = (claims: readonly PeerClaim[]): bigint =>
  digestOfSum(
    claims.reduce((sum, claim) => sum ^ claimHash(claim), 0n),
    claims.length,
  );

/** `sum`: of the hashes of `count` claims, by exclusive or. */
export function digestOfSum(sum: bigint, count: number): bigint {
  if (count === 0) return 0n;
  return sum === 0n ? 1n : sum;
}

/**
 * One claim's part of the digest: FNV-1a of its bytes as encoded here, mixed. Without that, two claims that change
 * places in a flag at the end would have the same sum: the last bytes reach only some bits of FNV-1a.
 */
export function claimHash(claim: PeerClaim): bigint {
  const bytes = new Uint8Array(CLAIM_LENGTH);
  writeClaim(new Writer(bytes, 'big'), claim);
  return mix64(fnv1a64(bytes));
}

/** The finalizer of SplitMix64 (Stafford's variant 13): a bijection in which each bit of the input reaches all. */
function mix64(value: bigint): bigint {
  const first = BigInt.asUintN(64, (value ^ (value >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  const second = BigInt.asUintN(64, (first ^ (first >> 27n)) * 0x94d0_49bb_1331_11ebn);
  return second ^ (second >> 31n);
}

const WORD = 2 ** 32;

/**
 * FNV-1a of 64 bits (draft-eastlake-fnv), in two halves: a bigint for each byte of thousands of claims would cost milliseconds. The
 * prime is 2^40 + 0x1b3, so the product is h << 40 plus h * 0x1b3, whose parts stay below 2^53.
 */
export function fnv1a64(bytes: Uint8Array): bigint {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1b3;
    const carry = Math.floor(product / WORD);
    high = (high * 0x1b3 + carry + low * 0x100) % WORD;
    low = product % WORD;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}
