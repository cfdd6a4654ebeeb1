// What everything in one virtual world shares: time, chance, the network, and who looks on.

import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { fnv1a64 } from '../../src/protocol/heartbeat/peer-claim.ts';
import type { Agenda } from './agenda.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** How often something happened, by name. */
export type Counts = Map<string, number>;

export interface Surroundings {
  readonly agenda: Agenda;
  readonly random: Random;
  readonly network: Network;
  readonly counts: Counts;
  readonly timeline: Timeline;
  readonly witness: Witness;
  readonly lan: Lan;
}

/** The cable: what a node does to the others. */
export interface Lan {
  transmit(from: number, frame: HeartbeatFrame, to: bigint | undefined): void;
  /** Whether anybody that the node reaches answers for the address. */
  isAnsweredFor(node: number, uid: string): boolean;
}

/** Sees what goes over the wire and what a node is told, never into a machine. */
export interface Witness {
  /** A gratuitous ARP or unsolicited NA. */
  announced(node: number, uid: string, epoch: number): void;
  /** A node begins or ends to answer for something. */
  answersChanged(node: number): void;
  sent(from: number, frame: HeartbeatFrame): void;
  /** A heartbeat was taken by a process that runs. */
  heard(from: number, to: number, frame: HeartbeatFrame): void;
  /** A node has been told by its main thread that it may not answer. */
  forbidden(node: number, uid: string, why: string): void;
}

export const count = (counts: Counts, what: string): void => {
  counts.set(what, (counts.get(what) ?? 0) + 1);
};

const encoder = new TextEncoder();

const shortIds = new Map<string, bigint>();
const longNames = new Map<bigint, string>();

/** As heartbeats name it: any 64 bits that differ. */
export function shortId(name: string): bigint {
  const known = shortIds.get(name);
  if (known !== undefined) return known;
  const made = fnv1a64(encoder.encode(name));
  shortIds.set(name, made);
  longNames.set(made, name);
  return made;
}

/** What `shortId` has named so. */
export const nameOfShort = (short: bigint): string | undefined => longNames.get(short);

export const nodeName = (node: number): string => `node${node + 1}`;
