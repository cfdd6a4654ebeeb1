// Faults at a port of the LAN bridge, by rtnetlink (rtnetlink(7), linux/if_link.h): one system call each, so that a
// measurement can start at the cut and not at the start of a program that makes it.

import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { seconds } from '../src/time/duration.ts';
import { inNamespace } from './netns.ts';
import * as sys from './syscalls.ts';

/** linux/if_bridge.h BR_STATE_*: a disabled port loses all frames while both ends keep their carrier. */
export const PORT_DISABLED = 0;
export const PORT_FORWARDING = 3;

export interface PortRef {
  /** The namespace of the bridge. */
  readonly netns: string;
  readonly name: string;
}

const RTM_SETLINK = 19;
const NLM_F_REQUEST_ACK = 0x05;
const NLMSG_ERROR = 2;
const AF_UNSPEC = 0;
const AF_BRIDGE = 7;
const IFF_UP = 1;
const IFLA_PROTINFO_NESTED = 12 | 0x8000;
const IFLA_BRPORT_STATE = 1;
const HEADER_LENGTH = 16;
const LINK_LENGTH = 16;

/** Sets the bridge's state of the port; returns process.hrtime.bigint() just before the system call. */
export function setPortState(port: PortRef, state: number): bigint {
  const attribute = Uint8Array.of(
    12,
    0,
    IFLA_PROTINFO_NESTED & 0xff,
    IFLA_PROTINFO_NESTED >> 8,
    5,
    0,
    IFLA_BRPORT_STATE,
    0,
    state,
    0,
    0,
    0,
  );
  return setLink(port, { family: AF_BRIDGE, attribute });
}

/** Takes the port's side of the cable up or down; down, the other end sees no carrier. Returns as setPortState does. */
export function setPortUp(port: PortRef, isUp: boolean): bigint {
  return setLink(port, { family: AF_UNSPEC, flags: isUp ? IFF_UP : 0, change: IFF_UP });
}

interface LinkChange {
  readonly family: number;
  readonly flags?: number;
  readonly change?: number;
  readonly attribute?: Uint8Array;
}

function setLink(port: PortRef, change: LinkChange): bigint {
  const { fd, index } = inNamespace(port.netns, () => ({
    index: sys.linkIndex(port.name),
    fd: sys.openSocket(sys.AF_NETLINK, sys.SOCK_RAW, { receiveTimeout: seconds(2) }),
  }));
  try {
    const message = encodeSetLink(index, change);
    const at = process.hrtime.bigint();
    sys.send(fd, message);
    expectAcknowledgement(fd, port);
    return at;
  } finally {
    closeSync(fd);
  }
}

/** struct nlmsghdr, struct ifinfomsg, attributes; all in the machine's byte order, which is little-endian wherever the lab runs. */
function encodeSetLink(index: number, change: LinkChange): Uint8Array {
  const attribute = change.attribute ?? new Uint8Array(0);
  const message = new Uint8Array(HEADER_LENGTH + LINK_LENGTH + attribute.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, RTM_SETLINK, true);
  view.setUint16(6, NLM_F_REQUEST_ACK, true);
  view.setUint32(8, 1, true);
  view.setUint8(HEADER_LENGTH, change.family);
  view.setInt32(HEADER_LENGTH + 4, index, true);
  view.setUint32(HEADER_LENGTH + 8, change.flags ?? 0, true);
  view.setUint32(HEADER_LENGTH + 12, change.change ?? 0, true);
  message.set(attribute, HEADER_LENGTH + LINK_LENGTH);
  return message;
}

function expectAcknowledgement(fd: number, port: PortRef): void {
  const answer = new Uint8Array(4096);
  const length = sys.receive(fd, answer);
  const view = new DataView(answer.buffer, 0, length);
  const type = length >= HEADER_LENGTH + 4 ? view.getUint16(4, true) : undefined;
  if (type !== NLMSG_ERROR)
    throw new Error(
      `change port "${port.name}": the kernel answered with message ${type}: want an acknowledgement`,
    );
  const errno = view.getInt32(HEADER_LENGTH, true);
  if (errno !== 0) throw new Error(`change port "${port.name}": ${getSystemErrorName(errno)}`);
}
