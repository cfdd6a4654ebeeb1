// The heartbeat by which agents hear each other on a segment: the payload of one UDP datagram (a protocol of our own,
// no RFC). Who must send what, and what it proves, is the election's; this is the format only.
//
//   off len                                                                             big-endian
//     0  4  magic "FLHB"
//     4  1  version = 1
//     5  1  key id
//     6  2  flags: bit 0 LEAVING, 1 UNABLE, 2 HUNG, 3 NO_API, 4 ALONE; others 0, ignored
//     8  8  cluster id = first 8 bytes of SHA-256(uid of namespace kube-system)
//    16  8  node id = first 8 bytes of SHA-256(node name)
//    24  8  session, random at start
//    32  8  sequence, which grows from frame to frame of this session
//    40  8  receiver's session in unicast (a kernel filter may look at it), 0 in multicast
//    48  2  interval in ms
//    50  1  multiplier
//    51  1  reserved 0, ignored
//    52  4  age of the main thread's last tick in ms
//    56  8  claims digest, 0 = no claims
//    64  2  body length n
//    66  6  reserved 0, ignored
//    72  n  body (heartbeat-body.ts)
//  72+n 16  first 16 bytes of HMAC-SHA256(key, bytes 0 .. 72+n-1)
//
// Versions N and N-1 understand each other: a decoder takes both, and an agent of version N sends N-1 while an Announcer
// of its cluster is older. 1 is the first version, so there is no other one yet.

import { DecodeError, decoding } from '../../bytes/decode-error.ts';
import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import { type Duration, milliseconds } from '../../time/duration.ts';
import { HEARD_LENGTH } from './heard-list.ts';
import {
  bodyLength,
  CLAIMS_HEADER_LENGTH,
  type HeartbeatBody,
  readBody,
  TLV_HEADER_LENGTH,
  writeBody,
} from './heartbeat-body.ts';
import { CLAIM_LENGTH } from './peer-claim.ts';

export { findLastHeard, type Heard, type HeardKey, HeardList, heardKey } from './heard-list.ts';
export type { ClaimsPage, HeartbeatBody, Offer } from './heartbeat-body.ts';
export type { PeerClaim, PeerClaimState } from './peer-claim.ts';

export const HEARTBEAT_PORT = 7373;

/** What a frame must have been sent with to be from this link (RFC 5082 uses the same for routing protocols). */
export const HEARTBEAT_HOP_LIMIT = 255;

/** The longest frame that is sent, in bytes of UDP payload: it fits every link that a node is likely to have. */
export const MAX_HEARTBEAT_LENGTH = 1400;

export const HEARTBEAT_HEADER_LENGTH = 72;
export const HMAC_LENGTH = 16;

/** How many bytes of body a frame has room for. */
export const MAX_BODY_LENGTH = MAX_HEARTBEAT_LENGTH - HEARTBEAT_HEADER_LENGTH - HMAC_LENGTH;

/** How many peers one frame can list as heard if its body holds nothing else: 59. The format itself allows 60. */
export const MAX_HEARD = Math.floor((MAX_BODY_LENGTH - TLV_HEADER_LENGTH) / HEARD_LENGTH);

/** How many claims one frame can carry if its body holds nothing else: 65. */
export const MAX_CLAIMS = Math.floor(
  (MAX_BODY_LENGTH - TLV_HEADER_LENGTH - CLAIMS_HEADER_LENGTH) / CLAIM_LENGTH,
);

const MAGIC = 0x464c4842;
const VERSION = 1;
const OLDEST_VERSION = 1;
const KEY_ID_OFFSET = 5;
const RECEIVER_OFFSET = 40;

const Flag = { Leaving: 1, Unable: 2, Hung: 4, NoApi: 8, Alone: 16 } as const;

export interface HeartbeatFlags {
  readonly isLeaving: boolean;
  readonly isUnable: boolean;
  readonly isHung: boolean;
  readonly hasNoApi: boolean;
  readonly isAlone: boolean;
}

export interface HeartbeatFrame {
  /** 0 .. 255. */
  readonly keyId: number;
  readonly flags: HeartbeatFlags;
  /** This and all other bigints are unsigned and of 64 bits. */
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  readonly session: bigint;
  readonly sequence: bigint;
  /** 0 in multicast. */
  readonly receiverSession: bigint;
  /** 1 .. 65,535 ms. */
  readonly interval: Duration;
  /** 1 .. 255. */
  readonly multiplier: number;
  /** Age of the main thread's last tick; above 2^32-1 ms it is written as that. */
  readonly mainAge: Duration;
  /** `claimsDigest` of peer-claim.ts, 0 = no claims. */
  readonly claimsDigest: bigint;
  readonly body: HeartbeatBody;
}

/** The first 16 bytes of HMAC-SHA256 of `bytes` under the key of this id; undefined = there is no such key. */
export type Authenticate = (keyId: number, bytes: Uint8Array) => Uint8Array | undefined;

/** Why a datagram is no heartbeat for us, in the order of checking. */
export const HEARTBEAT_DROPS = [
  /** Shorter than a frame with an empty body. */
  'too-short',
  'bad-magic',
  /** Of a version that is not understood. */
  'version',
  /** Not sent with 255: it may come from another link. */
  'hop-limit',
  'other-cluster',
  'unknown-key',
  /** Forged or corrupted. A datagram cut short or with something behind it has no HMAC where its body ends either. */
  'bad-hmac',
  /** Made with our key, but not in the format: a bug of the sender. Interval and multiplier 0 are among these. */
  'malformed-body',
] as const;
export type HeartbeatDrop = (typeof HEARTBEAT_DROPS)[number];

export type DecodedHeartbeat =
  | { readonly ok: HeartbeatFrame; readonly drop?: never }
  | { readonly ok?: never; readonly drop: HeartbeatDrop };

export interface HeartbeatContext {
  /** Ours. */
  readonly clusterId: bigint;
  readonly authenticate: Authenticate;
  /** TTL or hop limit that the datagram came with. */
  readonly hopLimit: number;
}

/**
 * Throws RangeError for what no frame can hold (more than MAX_HEARTBEAT_LENGTH, interval or multiplier outside of their
 * ranges) and Error for a key that `authenticate` does not know: bugs of ours. Durations are rounded to milliseconds.
 */
export function encodeHeartbeat(frame: HeartbeatFrame, authenticate: Authenticate): Uint8Array {
  const length = HEARTBEAT_HEADER_LENGTH + bodyLength(frame.body) + HMAC_LENGTH;
  if (length > MAX_HEARTBEAT_LENGTH)
    throw new RangeError(`encode heartbeat of ${length} bytes: want at most ${MAX_HEARTBEAT_LENGTH}`);
  const bytes = new Uint8Array(length);
  const writer = new Writer(bytes, 'big');
  writeHeader(writer, frame);
  writeBody(writer, frame.body);
  sign(bytes, authenticate);
  return bytes;
}

/** The same frame for another receiver: changes what `encodeHeartbeat` made, in place. */
export function readdressHeartbeat(
  bytes: Uint8Array,
  receiverSession: bigint,
  authenticate: Authenticate,
): void {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(RECEIVER_OFFSET, receiverSession);
  sign(bytes, authenticate);
}

function sign(bytes: Uint8Array, authenticate: Authenticate): void {
  const end = bytes.length - HMAC_LENGTH;
  const keyId = bytes[KEY_ID_OFFSET] ?? 0;
  const hmac = authenticate(keyId, bytes.subarray(0, end));
  if (hmac === undefined) throw new Error(`encode heartbeat with key ${keyId}: unknown`);
  if (hmac.length !== HMAC_LENGTH)
    throw new RangeError(`encode heartbeat with an HMAC of ${hmac.length} bytes: want ${HMAC_LENGTH}`);
  bytes.set(hmac, end);
}

function writeHeader(writer: Writer, frame: HeartbeatFrame): void {
  const interval = Math.round(frame.interval);
  if (!isWithin(interval, 0xffff) || !isWithin(frame.multiplier, 0xff))
    throw new RangeError(`encode heartbeat every ${frame.interval} ms, multiplier ${frame.multiplier}`);
  writer.u32(MAGIC);
  writer.u8(VERSION);
  writer.u8(frame.keyId);
  writer.u16(bitsOf(frame.flags));
  writer.u64(frame.clusterId);
  writer.u64(frame.nodeId);
  writer.u64(frame.session);
  writer.u64(frame.sequence);
  writer.u64(frame.receiverSession);
  writer.u16(interval);
  writer.u8(frame.multiplier);
  writer.zeros(1);
  writer.u32(Math.min(Math.round(frame.mainAge), 0xffff_ffff));
  writer.u64(frame.claimsDigest);
  writer.u16(bodyLength(frame.body));
  writer.zeros(6);
}

const isWithin = (value: number, maximum: number): boolean => value >= 1 && value <= maximum;

const bitsOf = ({ isLeaving, isUnable, isHung, hasNoApi, isAlone }: HeartbeatFlags): number =>
  (isLeaving ? Flag.Leaving : 0) |
  (isUnable ? Flag.Unable : 0) |
  (isHung ? Flag.Hung : 0) |
  (hasNoApi ? Flag.NoApi : 0) |
  (isAlone ? Flag.Alone : 0);

const flagsOf = (bits: number): HeartbeatFlags => ({
  isLeaving: (bits & Flag.Leaving) !== 0,
  isUnable: (bits & Flag.Unable) !== 0,
  isHung: (bits & Flag.Hung) !== 0,
  hasNoApi: (bits & Flag.NoApi) !== 0,
  isAlone: (bits & Flag.Alone) !== 0,
});

/**
 * Decodes the payload of a datagram. Nothing but the magic, version, cluster and key id is looked at before the HMAC
 * says that a member of the cluster sent it. Whether the sender is known, and the frame neither replayed nor of an
 * earlier life, is for whoever keeps the sessions.
 */
export function decodeHeartbeat(bytes: Uint8Array, context: HeartbeatContext): DecodedHeartbeat {
  if (bytes.length < HEARTBEAT_HEADER_LENGTH + HMAC_LENGTH) return { drop: 'too-short' };
  const drop = dropOf(bytes, context);
  if (drop !== undefined) return { drop };
  const frame = decoding(() => readFrame(bytes));
  return frame instanceof DecodeError ? { drop: 'malformed-body' } : { ok: frame };
}

/** Everything but the format of what is authenticated. */
function dropOf(
  bytes: Uint8Array,
  { clusterId, authenticate, hopLimit }: HeartbeatContext,
): HeartbeatDrop | undefined {
  const reader = new Reader(bytes, 'big');
  if (reader.u32() !== MAGIC) return 'bad-magic';
  const version = reader.u8();
  if (version < OLDEST_VERSION || version > VERSION) return 'version';
  if (hopLimit !== HEARTBEAT_HOP_LIMIT) return 'hop-limit';
  const keyId = reader.u8();
  reader.skip(2);
  if (reader.u64() !== clusterId) return 'other-cluster';
  const end = bytes.length - HMAC_LENGTH;
  const hmac = authenticate(keyId, bytes.subarray(0, end));
  if (hmac === undefined) return 'unknown-key';
  reader.skip(48);
  if (reader.u16() !== end - HEARTBEAT_HEADER_LENGTH) return 'bad-hmac';
  return isEqual(hmac, bytes.subarray(end)) ? undefined : 'bad-hmac';
}

/** Takes the same time wherever the first difference is, so that nobody can find an HMAC byte by byte. */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Throws DecodeError. */
function readFrame(bytes: Uint8Array): HeartbeatFrame {
  const reader = new Reader(bytes, 'big');
  reader.skip(5);
  const keyId = reader.u8();
  const flags = flagsOf(reader.u16());
  const ids = {
    clusterId: reader.u64(),
    nodeId: reader.u64(),
    session: reader.u64(),
    sequence: reader.u64(),
    receiverSession: reader.u64(),
  };
  const interval = milliseconds(reader.u16());
  const multiplier = reader.u8();
  if (interval === 0 || multiplier === 0) throw reader.error('bad-value', 'interval or multiplier');
  reader.skip(1);
  const mainAge = milliseconds(reader.u32());
  const claimsDigest = reader.u64();
  const length = reader.u16();
  reader.skip(6);
  const body = readBody(reader.sub(length));
  return { keyId, flags, ...ids, interval, multiplier, mainAge, claimsDigest, body };
}
