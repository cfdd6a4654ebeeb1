// The body of a heartbeat: what an agent has heard, claims, offers and refuses. TLVs (a protocol of our own, no RFC):
//
//   u8 type, u8 reserved, u16 length of the value, value                                    big-endian
//
//   1 HEARD           n times: u64 node id, u64 session, u32 sequence (low bits), u16 age in ms (heard-list.ts)
//   2 CLAIMS          u16 page, u16 pages, n times: a claim (peer-claim.ts)
//   3 CLAIMS_REQUEST  nothing
//   4 OFFER           u64 uid, u32 epoch, u64 node id of who shall take it
//   5 REVOKED         u64 uid
//   6 UNABLE          u8 reason
//
// OFFER and REVOKED come once for each address. Any other type may come once: a second one would make the meaning
// depend on the order of reading, so the body is malformed. Unknown types are passed over, whatever they hold.

import type { Reader } from '../../bytes/reader.ts';
import type { Writer } from '../../bytes/writer.ts';
import { HEARD_LENGTH, HeardList } from './heard-list.ts';
import { CLAIM_LENGTH, type PeerClaim, readClaim, writeClaim } from './peer-claim.ts';

/**
 * A page of the sender's claims: `page` counts from 0 and is below `pages`. With `pages` 0 (and `page` 0) the claims are
 * those that changed, and say nothing of the others.
 */
export interface ClaimsPage {
  readonly page: number;
  readonly pages: number;
  readonly claims: readonly PeerClaim[];
}

/** The sender asks `to`, a node id, to take an address over from it. */
export interface Offer {
  readonly uid: bigint;
  readonly epoch: number;
  readonly to: bigint;
}

export interface HeartbeatBody {
  readonly heard: HeardList;
  readonly claims?: ClaimsPage;
  /** Send me all pages of your claims. */
  readonly isClaimsRequest: boolean;
  readonly offers: readonly Offer[];
  /** Uids of VirtualIPs that are deleted: whoever claims one withdraws at once. */
  readonly revoked: readonly bigint[];
  /** Why the sender is unable, 0 .. 255. */
  readonly unableReason?: number;
}

const Tlv = { Heard: 1, Claims: 2, ClaimsRequest: 3, Offer: 4, Revoked: 5, Unable: 6 } as const;

/** Bytes before the value of a TLV. */
export const TLV_HEADER_LENGTH = 4;

/** Bytes of page and pages before the claims of CLAIMS. */
export const CLAIMS_HEADER_LENGTH = 4;

const OFFER_LENGTH = 20;
const REVOKED_LENGTH = 8;
const UNABLE_LENGTH = 1;

/** The format's bound on HEARD. A frame of ours has room for fewer: MAX_HEARD of heartbeat-frame.ts. */
const HEARD_LIMIT = 60;

/** How many bytes the body is encoded in: for a sender that fills a frame up. */
export function bodyLength(body: HeartbeatBody): number {
  const { heard, claims, isClaimsRequest, offers, revoked, unableReason } = body;
  const values = [
    ...(heard.length === 0 ? [] : [heard.bytes.length]),
    ...(claims === undefined ? [] : [CLAIMS_HEADER_LENGTH + claims.claims.length * CLAIM_LENGTH]),
    ...(isClaimsRequest ? [0] : []),
    ...(unableReason === undefined ? [] : [UNABLE_LENGTH]),
  ];
  const single = values.reduce((sum, length) => sum + TLV_HEADER_LENGTH + length, 0);
  const offered = offers.length * (TLV_HEADER_LENGTH + OFFER_LENGTH);
  return single + offered + revoked.length * (TLV_HEADER_LENGTH + REVOKED_LENGTH);
}

export function writeBody(writer: Writer, body: HeartbeatBody): void {
  const { heard, claims, isClaimsRequest, offers, revoked, unableReason } = body;
  if (heard.length > 0) writeHeard(writer, heard);
  if (claims !== undefined) writeClaims(writer, claims);
  if (isClaimsRequest) writeTlvHeader(writer, Tlv.ClaimsRequest, 0);
  for (const { uid, epoch, to } of offers) {
    writeTlvHeader(writer, Tlv.Offer, OFFER_LENGTH);
    writer.u64(uid);
    writer.u32(epoch);
    writer.u64(to);
  }
  for (const uid of revoked) {
    writeTlvHeader(writer, Tlv.Revoked, REVOKED_LENGTH);
    writer.u64(uid);
  }
  if (unableReason !== undefined) {
    writeTlvHeader(writer, Tlv.Unable, UNABLE_LENGTH);
    writer.u8(unableReason);
  }
}

function writeTlvHeader(writer: Writer, type: number, length: number): void {
  writer.u8(type);
  writer.zeros(1);
  writer.u16(length);
}

function writeHeard(writer: Writer, { bytes }: HeardList): void {
  writeTlvHeader(writer, Tlv.Heard, bytes.length);
  writer.bytes(bytes);
}

function writeClaims(writer: Writer, { page, pages, claims }: ClaimsPage): void {
  if (!isPage(page, pages)) throw new RangeError(`encode page ${page} of ${pages} of the claims`);
  writeTlvHeader(writer, Tlv.Claims, CLAIMS_HEADER_LENGTH + claims.length * CLAIM_LENGTH);
  writer.u16(page);
  writer.u16(pages);
  for (const claim of claims) writeClaim(writer, claim);
}

interface MutableBody {
  heard: HeardList;
  claims?: ClaimsPage;
  isClaimsRequest: boolean;
  readonly offers: Offer[];
  readonly revoked: bigint[];
  unableReason?: number;
}

/** Reads TLVs to the end. Throws DecodeError. */
export function readBody(reader: Reader): HeartbeatBody {
  const body: MutableBody = { heard: HeardList.EMPTY, isClaimsRequest: false, offers: [], revoked: [] };
  const seen = new Set<number>();
  while (reader.remaining > 0) {
    const type = reader.u8();
    if (seen.has(type)) throw reader.error('bad-value', `a second TLV of type ${type}`);
    reader.skip(1);
    const length = reader.u16();
    const value = reader.sub(length);
    readValue(type, value, body);
    if (type in VALUE_ONCE) seen.add(type);
  }
  return body;
}

const VALUE_ONCE: Readonly<Record<number, true>> = {
  [Tlv.Heard]: true,
  [Tlv.Claims]: true,
  [Tlv.ClaimsRequest]: true,
  [Tlv.Unable]: true,
};

function readValue(type: number, value: Reader, body: MutableBody): void {
  switch (type) {
    case Tlv.Heard:
      body.heard = readHeard(value);
      return;
    case Tlv.Claims:
      body.claims = readClaims(value);
      return;
    case Tlv.ClaimsRequest:
      expectLength(value, 0);
      body.isClaimsRequest = true;
      return;
    case Tlv.Offer:
      expectLength(value, OFFER_LENGTH);
      body.offers.push({ uid: value.u64(), epoch: value.u32(), to: value.u64() });
      return;
    case Tlv.Revoked:
      expectLength(value, REVOKED_LENGTH);
      body.revoked.push(value.u64());
      return;
    case Tlv.Unable:
      expectLength(value, UNABLE_LENGTH);
      body.unableReason = value.u8();
  }
}

function expectLength(value: Reader, length: number): void {
  if (value.remaining !== length) throw value.error('bad-length', `a value of ${length} bytes`);
}

/** How many entries of `length` bytes the rest is, which must be a whole number. */
function countOf(value: Reader, length: number): number {
  if (value.remaining % length !== 0) throw value.error('bad-length', `entries of ${length} bytes`);
  return value.remaining / length;
}

function readHeard(value: Reader): HeardList {
  if (countOf(value, HEARD_LENGTH) > HEARD_LIMIT)
    throw value.error('bad-length', `at most ${HEARD_LIMIT} heard`);
  return new HeardList(value.bytes(value.remaining));
}

function readClaims(value: Reader): ClaimsPage {
  const page = value.u16();
  const pages = value.u16();
  if (!isPage(page, pages)) throw value.error('bad-value', 'page of pages');
  const claims = Array.from({ length: countOf(value, CLAIM_LENGTH) }, () => readClaim(value));
  return { page, pages, claims };
}

const isPage = (page: number, pages: number): boolean => page < pages || (page === 0 && pages === 0);
