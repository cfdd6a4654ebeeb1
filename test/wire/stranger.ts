// Somebody on the bridge who sends what he likes to the heartbeat port: frames that were made with a key, and what became
// of them.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { LinkSocket } from '../../src/host/host.ts';
import { digests } from '../../src/host/linux/digests.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { encodeEthernetHeader } from '../../src/protocol/ethernet/ethernet-header.ts';
import {
  encodeHeartbeat,
  HeardList,
  type HeartbeatFrame,
  HMAC_LENGTH,
} from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { encodeUdpV4, type UdpV4 } from '../../src/protocol/udp/udp-v4.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { HEARTBEAT_GROUP, HEARTBEAT_GROUP_MAC } from '../../src/wire-worker/heartbeat-link.ts';
import { type HeartbeatSettings, identityOf } from '../../src/wire-worker/heartbeat-settings.ts';
import { ipv4 } from '../fake/fake-wire.ts';
import type { BridgeBed } from './bridge-bed.ts';
import { settingsOf } from './heartbeat-workers.ts';

export interface Forgery {
  readonly settings?: HeartbeatSettings;
  /** Whose name is in it. */
  readonly node?: string;
  readonly frame?: Partial<HeartbeatFrame>;
  /** One byte of the payload is another before the HMAC is made. */
  readonly patch?: readonly [offset: number, value: number];
  /** So many bytes are missing at the end of the payload. */
  readonly cut?: number;
  readonly datagram?: Partial<UdpV4>;
  readonly source?: Mac;
  readonly destination?: Mac;
  /** The last byte of the packet is another. */
  readonly isCorrupt?: boolean;
}

export const EMPTY_BODY = { heard: HeardList.EMPTY, isClaimsRequest: false, offers: [], revoked: [] };

export function macOf(text: string): Mac {
  const mac = parseMac(text);
  assert.ok(mac, text);
  return mac;
}

export class Stranger {
  readonly #bed: BridgeBed;
  readonly #socket: LinkSocket;
  readonly #number: number;
  readonly mac: string;

  constructor(t: TestContext, bed: BridgeBed) {
    this.#bed = bed;
    this.#socket = bed.strangersSocket(t);
    this.#number = bed.nodes.length + 1;
    this.mac = bed.mac(this.#number);
  }

  get address(): string {
    return this.#bed.address(this.#number);
  }

  /** A heartbeat of node9, changed. */
  send(forgery: Forgery): void {
    const { datagram, destination = HEARTBEAT_GROUP_MAC, source = macOf(this.mac), isCorrupt } = forgery;
    const packet = encodeUdpV4({
      source: ipv4(this.address),
      destination: HEARTBEAT_GROUP,
      sourcePort: 7373,
      destinationPort: 7373,
      ttl: 255,
      dscp: 48,
      identification: 1,
      payload: payloadOf(forgery),
      ...datagram,
    });
    const bytes = new Uint8Array(14 + packet.length);
    encodeEthernetHeader({ destination, source, etherType: 0x0800 }, bytes);
    bytes.set(packet, 14);
    if (isCorrupt === true) bytes.set([(bytes.at(-1) ?? 0) ^ 1], bytes.length - 1);
    this.sendAgain(bytes);
  }

  sendAgain(bytes: Uint8Array): void {
    assert.equal(this.#socket.transmit(bytes, bytes.length), 'Sent');
  }

  /** A frame that the stranger hears, as it was on the wire; the last one of those that wait. */
  async hear(isRight: (bytes: Uint8Array) => boolean): Promise<Uint8Array> {
    const bytes = new Uint8Array(1518);
    for (let tries = 0; tries < 100; tries++) {
      let found: Uint8Array | undefined;
      this.#socket.fill();
      for (let length = this.#socket.receive(bytes); length > 0; length = this.#socket.receive(bytes))
        if (isRight(bytes.subarray(0, length))) found = bytes.slice(0, length);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('wait for a heartbeat: none');
  }
}

function payloadOf({ settings = settingsOf(9), node = 'node9', frame, patch, cut = 0 }: Forgery): Uint8Array {
  const { authenticate, ...identity } = identityOf(node, settings, digests);
  const flags = { isLeaving: false, isUnable: false, isHung: true, hasNoApi: false, isAlone: false };
  const rest = { flags, sequence: 1n, receiverSession: 0n, mainAge: milliseconds(0), claimsDigest: 0n };
  const payload = encodeHeartbeat({ ...identity, ...rest, body: EMPTY_BODY, ...frame }, authenticate);
  if (patch !== undefined) {
    const [offset, value] = patch;
    const end = payload.length - HMAC_LENGTH;
    payload[offset] = value;
    payload.set(authenticate(identity.keyId, payload.subarray(0, end)) ?? [], end);
  }
  return payload.subarray(0, payload.length - cut);
}
