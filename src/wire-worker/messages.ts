// What the agent's main thread and the wire worker say to each other. What is wanted and what is held is told whole
// once, at the beginning, and then by what changes: of thousands of addresses a few change at a time. That is enough,
// because the port between two threads of a process loses, doubles and reorders nothing, and if one of them ends, the
// process does. All else is told whole each time.
//
// The worker owns: packet sockets, link state, the ARP answers, the ownership machine. The main thread owns: the
// Kubernetes API. So the worker asks for a claim to be recorded, and the main thread says what the record holds.

import type { WithdrawReason } from '../election/record.ts';
import type { PeerState } from '../election/segment.ts';
import type { LinkState } from '../host/host.ts';
import type { WantedAddress } from '../plan/desired.ts';
import type { HeartbeatTotals } from './heartbeat-counters.ts';
import type { HeartbeatSettings } from './heartbeat-settings.ts';

export type { WantedAddress } from '../plan/desired.ts';

/** One link, as it crosses the thread boundary (text instead of bigint values). */
export interface LinkReport {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly state: LinkState;
  readonly mtu: number;
  /** `10.77.0.11/24` and so on. */
  readonly addresses: readonly string[];
  /** Of the default routes over the link. */
  readonly gateways: readonly string[];
}

/** A node whose heartbeats are or were heard on a link. */
export interface PeerReport {
  /** Its name; the id that heartbeats give it, in hex, while no object has named it. */
  readonly node: string;
  readonly state: PeerState;
}

/**
 * Whether packets for addresses that are answered here reach their pods. `Recovering`: they do again, and this node keeps
 * what it holds, but takes nothing yet.
 */
export type DataPlaneHealth = 'Healthy' | 'Recovering' | 'Unhealthy';

export type ToWorker =
  /** What is wanted; what is held and dropped is withdrawn. */
  | {
      readonly kind: 'want';
      /** `addresses` is all that is wanted: everything else is dropped. The first message is whole. */
      readonly isWhole: boolean;
      /** New, or with something new about them. */
      readonly addresses: readonly WantedAddress[];
      /** Uids; an address that comes back under another uid is in both lists. */
      readonly dropped: readonly string[];
    }
  /** Which nodes are alive, whole list; a node that is not in it is dead. */
  | { readonly kind: 'liveness'; readonly alive: readonly string[] }
  /** The claim was written. */
  | { readonly kind: 'recorded'; readonly uid: string; readonly epoch: number }
  /** The claim was refused: a lost election. The record that won, if it could be read, follows in a `want`. */
  | { readonly kind: 'refused'; readonly uid: string; readonly epoch: number }
  /** `Healthy` until the first message. */
  | { readonly kind: 'data-plane'; readonly health: DataPlaneHealth }
  /** VirtualIPs that the API has shown to be deleted, by their uids. */
  | { readonly kind: 'deleted'; readonly uids: readonly string[] }
  /** The answer to `revoked`: whether the API lists the VirtualIP; false where it can not be asked. */
  | { readonly kind: 'judged'; readonly uid: string; readonly isListed: boolean }
  /** Make-before-break departure of this node: keep answering until somebody else has claimed. */
  | { readonly kind: 'leave' }
  /** Begin to exchange heartbeats, or go on with other keys. */
  | { readonly kind: 'heartbeats'; readonly settings: HeartbeatSettings }
  /** Answer with a `counters` message. */
  | { readonly kind: 'count' }
  /** End the thread at once. */
  | { readonly kind: 'stop' };

/** One address that this node answers for now. */
export interface HeldAddress {
  readonly uid: string;
  readonly name: string;
  readonly epoch: number;
  /** The link it is answered on; undefined while no link fits (then it is held but not announced). */
  readonly link: string | undefined;
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'links'; readonly links: readonly LinkReport[] }
  /** Who is heard on a link, whole, by name; nobody any more when the link is gone. */
  | { readonly kind: 'peers'; readonly link: string; readonly peers: readonly PeerReport[] }
  /** What is held, when that changed. */
  | {
      readonly kind: 'held';
      /** `changed` is all that is held. The first message is whole. */
      readonly isWhole: boolean;
      readonly changed: readonly HeldAddress[];
      /** Uids. */
      readonly gone: readonly string[];
    }
  /** Write this claim: status.holder = this node, status.epoch = epoch, if the record's epoch still is `previous`. */
  | {
      readonly kind: 'claim';
      readonly uid: string;
      readonly name: string;
      readonly epoch: number;
      readonly previous: number;
      /** The link it is, or will be, answered on. */
      readonly link: string | undefined;
    }
  /** A peer says that the VirtualIP is deleted: is it? */
  | { readonly kind: 'revoked'; readonly uid: string; readonly name: string }
  /** An address is no longer answered. */
  | {
      readonly kind: 'withdrawn';
      readonly uid: string;
      readonly name: string;
      readonly reason: WithdrawReason;
    }
  /** After `leave`: nothing is held any more. */
  | { readonly kind: 'left' }
  | { readonly kind: 'counters'; readonly counters: WireCounters }
  /** For the log: a constant message with values. */
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
      readonly values: Readonly<Record<string, string | number>>;
    };

export interface WireCounters {
  readonly repliesByLink: Readonly<Record<string, number>>;
  readonly announcementsByLink: Readonly<Record<string, number>>;
  /** Frames that were not answered, by the name of the reason (protocol/arp/answer.ts). */
  readonly dropsByReason: Readonly<Record<string, number>>;
  readonly transmitErrors: number;
  /** Requests that the kernel dropped, because they came faster than they were taken. */
  readonly kernelDrops: number;
  /** How often the worker's loop woke up; a number that runs away is a loop that spins. */
  readonly turns: number;
  readonly heartbeats: HeartbeatTotals;
}
