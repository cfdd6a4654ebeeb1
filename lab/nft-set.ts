// Adding elements to sets of nftables and taking them out by nfnetlink (linux/netfilter/nf_tables.h), so that a fault
// that is a set's element has a moment: one system call. Tables and rules are the program nft's to make.

import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { seconds } from '../src/time/duration.ts';
import { inNamespace } from './netns.ts';
import * as sys from './syscalls.ts';

export interface NftSet {
  readonly netns: string;
  /** Of the family `bridge`. */
  readonly table: string;
  readonly set: string;
}

export type SetChange = 'add' | 'delete';

const NETLINK_NETFILTER = 12;
const NFPROTO_BRIDGE = 7;
const SUBSYSTEM_NFTABLES = 10;
const NLMSG_ERROR = 2;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const NEW_SET_ELEMENT = (SUBSYSTEM_NFTABLES << 8) | 12;
const DELETE_SET_ELEMENT = (SUBSYSTEM_NFTABLES << 8) | 14;
const FLAG_REQUEST = 0x01;
const FLAG_ACKNOWLEDGE = 0x04;
const FLAG_CREATE = 0x400;
const NESTED = 0x8000;
const LIST_TABLE = 1;
const LIST_SET = 2;
const LIST_ELEMENTS = 3;
const LIST_ELEMENT = 1;
const ELEMENT_KEY = 1;
const DATA_VALUE = 1;
const INTERFACE_NAME_LENGTH = 16;

/**
 * Changes all elements at once. A key is a list of interface names, as many as the set's type concatenates. Returns
 * process.hrtime.bigint() just before the system call.
 */
export function changeSet(target: NftSet, change: SetChange, keys: readonly (readonly string[])[]): bigint {
  const fd = inNamespace(target.netns, () =>
    sys.openSocket(sys.AF_NETLINK, sys.SOCK_RAW, {
      protocol: NETLINK_NETFILTER,
      receiveTimeout: seconds(2),
    }),
  );
  try {
    const batch = encodeBatch(target, change, keys);
    const at = process.hrtime.bigint();
    sys.send(fd, batch);
    expectAcknowledgement(fd, target);
    return at;
  } finally {
    closeSync(fd);
  }
}

function encodeBatch(
  { table, set }: NftSet,
  change: SetChange,
  keys: readonly (readonly string[])[],
): Uint8Array {
  const elements = keys.map((names) => {
    const value = attribute(DATA_VALUE, Buffer.concat(names.map(interfaceName)));
    return attribute(LIST_ELEMENT | NESTED, attribute(ELEMENT_KEY | NESTED, value));
  });
  const body = Buffer.concat([
    attribute(LIST_TABLE, Buffer.from(`${table}\0`, 'latin1')),
    attribute(LIST_SET, Buffer.from(`${set}\0`, 'latin1')),
    attribute(LIST_ELEMENTS | NESTED, Buffer.concat(elements)),
  ]);
  const isAdded = change === 'add';
  return Buffer.concat([
    message({ type: BATCH_BEGIN, flags: FLAG_REQUEST, family: 0, resource: SUBSYSTEM_NFTABLES }),
    message({
      type: isAdded ? NEW_SET_ELEMENT : DELETE_SET_ELEMENT,
      flags: FLAG_REQUEST | FLAG_ACKNOWLEDGE | (isAdded ? FLAG_CREATE : 0),
      family: NFPROTO_BRIDGE,
      resource: 0,
      body,
    }),
    message({ type: BATCH_END, flags: FLAG_REQUEST, family: 0, resource: SUBSYSTEM_NFTABLES }),
  ]);
}

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly family: number;
  readonly resource: number;
  readonly body?: Buffer;
}

/** struct nlmsghdr and struct nfgenmsg, whose resource id alone is big-endian. */
function message({ type, flags, family, resource, body = Buffer.alloc(0) }: Message): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(head.length + body.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt8(family, 16);
  head.writeUInt16BE(resource, 18);
  return Buffer.concat([head, body]);
}

/** struct nlattr and its payload, filled up to four bytes. */
function attribute(type: number, payload: Buffer): Buffer {
  const whole = Buffer.alloc(4 + Math.ceil(payload.length / 4) * 4);
  whole.writeUInt16LE(4 + payload.length, 0);
  whole.writeUInt16LE(type, 2);
  payload.copy(whole, 4);
  return whole;
}

const interfaceName = (name: string): Buffer =>
  Buffer.concat([Buffer.from(name, 'latin1')], INTERFACE_NAME_LENGTH);

function expectAcknowledgement(fd: number, { table, set }: NftSet): void {
  const answer = new Uint8Array(8192);
  const length = sys.receive(fd, answer);
  const view = new DataView(answer.buffer, 0, length);
  const type = length >= 20 ? view.getUint16(4, true) : undefined;
  const errno = type === NLMSG_ERROR ? view.getInt32(16, true) : undefined;
  if (errno === 0) return;
  const said = errno === undefined ? `message ${type}` : getSystemErrorName(errno);
  throw new Error(
    `change set "${set}" of table "${table}": the kernel answered ${said}: want an acknowledgement`,
  );
}
