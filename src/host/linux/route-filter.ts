// The BPF program that lets only default routes of all notified routes into a netlink socket: a node has one for each pod,
// or a whole table of BGP, and a queue that overflows with them would count as links that may have flapped.

import { MessageType } from '../../protocol/netlink/netlink-message.ts';
import { PREFIX_LENGTH_OFFSET } from '../../protocol/netlink/route-message.ts';
import { LITTLE_ENDIAN } from './libc.ts';
import { Bpf, type Instruction } from './socket-filter.ts';

/** The byte of nlmsghdr.type, in host byte order, that tells the types apart: all of ours are below 256. */
const TYPE_OFFSET = LITTLE_ENDIAN ? 4 : 5;
const WHOLE = 0xffff_ffff;

/** Accepts whole messages: all that are not about routes, and those about routes to everywhere. */
export const defaultRoutes: readonly Instruction[] = [
  [Bpf.LoadByte, 0, 0, TYPE_OFFSET],
  [Bpf.JumpEqual, 1, 0, MessageType.NEWROUTE],
  [Bpf.JumpEqual, 0, 2, MessageType.DELROUTE],
  [Bpf.LoadByte, 0, 0, PREFIX_LENGTH_OFFSET],
  [Bpf.JumpEqual, 0, 1, 0],
  [Bpf.Return, 0, 0, WHOLE],
  [Bpf.Return, 0, 0, 0],
];
