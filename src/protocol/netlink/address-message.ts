// RTM_NEWADDR and RTM_DELADDR: addresses of links as the kernel reports them (linux/if_addr.h).
//
//   struct ifaddrmsg
//   off len
//     0  1  family: AF_INET = 2, AF_INET6 = 10
//     1  1  prefix length
//     2  1  flags: the low byte of IFA_F_*, superseded by attribute IFA_FLAGS
//     3  1  scope
//     4  4  index of the link
//     8  n  attributes IFA_*

import type { Reader } from '../../bytes/reader.ts';
import { type Address, fromBytes } from '../../net/address.ts';
import { readAttributes } from './netlink-header.ts';

/** IFA_*; an incomplete list. */
const Attribute = { Address: 1, Local: 2, Flags: 8 } as const;

/** Bytes of an address by family; families that are not here are not read. */
const ADDRESS_BYTES: Readonly<Record<number, 4 | 16>> = { 2: 4, 10: 16 };

export interface NetlinkAddress {
  /** Of the link. */
  readonly index: number;
  readonly address: Address;
  readonly prefixLength: number;
  /** IFA_F_*. */
  readonly flags: number;
}

/** Reads the body of an address message; undefined for another family. Throws DecodeError. */
export function readAddressMessage(reader: Reader): NetlinkAddress | undefined {
  const size = ADDRESS_BYTES[reader.u8()];
  const prefixLength = reader.u8();
  let flags = reader.u8();
  reader.skip(1);
  const index = reader.u32();
  if (size === undefined) return undefined;
  if (prefixLength > size * 8) throw reader.error('bad-value', 'ifaddrmsg.prefixlen');
  let local: Address | undefined;
  let other: Address | undefined;
  readAttributes(reader, (attribute, payload) => {
    if (attribute === Attribute.Local) local = readAddress(payload, size);
    else if (attribute === Attribute.Address) other = readAddress(payload, size);
    else if (attribute === Attribute.Flags) flags = payload.u32();
  });
  // On a point-to-point link IFA_ADDRESS is the peer's; the link's own is IFA_LOCAL (comment in linux/if_addr.h).
  const address = local ?? other;
  if (address === undefined) throw reader.error('bad-value', 'neither IFA_LOCAL nor IFA_ADDRESS');
  return { index, address, prefixLength, flags };
}

function readAddress(payload: Reader, size: number): Address {
  if (payload.remaining !== size) throw payload.error('bad-length', 'address');
  return fromBytes(payload.bytes(size));
}
