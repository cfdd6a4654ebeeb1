// Announcer: what a node's agent reports about its links (charts/fairlead/files/crds/announcers.yaml).

import { type Condition, readCondition } from './condition.ts';
import { readMetadata } from './metadata.ts';
import type { Parsed } from './parsed.ts';
import { integer, listOf, name, objectOf, oneOf, type Reader, text, withDefault } from './reader.ts';

/** An Ethernet link of the node; others are not reported, since nothing is announced on them. */
export interface AnnouncerLink {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly state: 'Up' | 'Down';
  readonly mtu: number;
  /** CIDR text with the host bits of the node's own address, like `10.77.0.11/24`. */
  readonly addresses: readonly string[];
}

/** What the node found on a link besides itself. */
export interface AnnouncerSegment {
  /** The link's name. */
  readonly link: string;
  /** Of the node's default routes over the link; those that are link-local are not reported. */
  readonly gateways: readonly string[];
  /** The nodes whose heartbeats are or were heard on the link. */
  readonly peers: readonly AnnouncerPeer[];
}

/** `PathLost`: heard by others and not by this node. */
export interface AnnouncerPeer {
  readonly node: string;
  readonly state: 'Live' | 'PathLost' | 'Dead';
}

export interface Announcer {
  /** The node's name. */
  readonly name: string;
  readonly uid: string;
  readonly isDeleting: boolean;
  /** Version of the agent; empty before its first report. */
  readonly version: string;
  /** Drawn anew at each start of the agent; empty before its first report. */
  readonly session: string;
  readonly links: readonly AnnouncerLink[];
  readonly segments: readonly AnnouncerSegment[];
  /** How many addresses this node holds. */
  readonly held: number;
  readonly conditions: readonly Condition[];
}

const readLink: Reader<AnnouncerLink> = objectOf({
  name,
  index: integer(1),
  mac: text,
  state: oneOf('Up', 'Down'),
  mtu: withDefault(integer(0), 0),
  addresses: withDefault(listOf(text), []),
});

const readPeer: Reader<AnnouncerPeer> = objectOf({ node: name, state: oneOf('Live', 'PathLost', 'Dead') });

const readSegment: Reader<AnnouncerSegment> = objectOf({
  link: name,
  gateways: withDefault(listOf(text), []),
  peers: withDefault(listOf(readPeer), []),
});

const readStatus = objectOf({
  version: withDefault(text, ''),
  session: withDefault(text, ''),
  links: withDefault(listOf(readLink), []),
  segments: withDefault(listOf(readSegment), []),
  held: withDefault(integer(0), 0),
  conditions: withDefault(listOf(readCondition), []),
});

const UNREPORTED = { version: '', session: '', links: [], segments: [], held: 0, conditions: [] };

const readAnnouncer = objectOf({ metadata: readMetadata, status: withDefault(readStatus, UNREPORTED) });

export function parseAnnouncer(object: unknown): Parsed<Announcer> {
  const parsed = readAnnouncer(object, '');
  if (parsed.kind === 'problems') return parsed;
  const { metadata, status } = parsed.value;
  const isDeleting = metadata.deletionTimestamp !== undefined;
  return { kind: 'value', value: { name: metadata.name, uid: metadata.uid, isDeleting, ...status } };
}
