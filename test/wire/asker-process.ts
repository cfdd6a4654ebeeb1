// A program for the tests: asks for addresses on several LANs at a steady rate and prints, as lines of JSON, what it
// sent and every ARP frame that came. Commands come as lines of JSON on stdin.

import { createInterface } from 'node:readline';
import {
  check,
  errnoName,
  growBuffer,
  LITTLE_ENDIAN,
  libc,
  SystemError,
  setOption,
  stableBytes,
  viewOf,
} from '../../src/host/linux/libc.ts';
import { createPoller } from '../../src/host/linux/poller.ts';
import { formatMac } from '../../src/net/mac.ts';
import { ipv4, requestFor } from '../fake/fake-wire.ts';

export interface Load {
  readonly lan: number;
  readonly address: string;
  readonly perSecond: number;
}

export interface AskerStart {
  readonly lans: readonly { readonly name: string; readonly index: number; readonly mac: string }[];
}

export type AskerCommand =
  /** Replaces what is asked for; none = asks no more. */
  | { readonly kind: 'ask'; readonly loads: readonly Load[] }
  /** Answers with `mark` when all that came before was printed. */
  | { readonly kind: 'mark'; readonly id: number };

/** Times are milliseconds of process.hrtime, which all processes of a machine share. */
export interface Sent {
  readonly id: number;
  readonly lan: number;
  readonly address: string;
  readonly at: number;
}

/** An ARP frame that says where an address is: the answer to request `id`, or, unasked, an announcement. */
export interface Heard {
  readonly id: number | undefined;
  readonly lan: number;
  readonly address: string;
  readonly mac: string;
  readonly at: number;
}

export type AskerLine =
  | { readonly kind: 'ready' }
  | { readonly kind: 'frames'; readonly sent: readonly Sent[]; readonly heard: readonly Heard[] }
  | { readonly kind: 'mark'; readonly id: number };

const AF_PACKET = 17;
const ETH_P_ARP = 0x0806;
const SOCK_RAW_NONBLOCK = 3 | 0o4000;
const SOL_PACKET = 263;
const PACKET_IGNORE_OUTGOING = 23;

/** Requests are numbered by the sender protocol address, which comes back as the answer's target protocol address. */
const FIRST_ID = ipv4('11.0.0.0');

const tell = (line: AskerLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const text = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

function openSocket(index: number): number {
  const network = ((ETH_P_ARP & 0xff) << 8) | (ETH_P_ARP >>> 8);
  const fd = check(libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK, network), 'open packet socket');
  check(setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), 'ignore outgoing frames');
  growBuffer(fd, 'receive', 32 << 20);
  growBuffer(fd, 'transmit', 4 << 20);
  const address = stableBytes(20);
  const view = viewOf(address);
  view.setUint16(0, AF_PACKET, LITTLE_ENDIAN);
  view.setUint16(2, ETH_P_ARP);
  view.setInt32(4, index, LITTLE_ENDIAN);
  check(libc.bind(fd, address, address.length), 'bind packet socket');
  return fd;
}

interface Lan {
  readonly fd: number;
  readonly mac: Uint8Array;
}

class Asker {
  readonly #lans: readonly Lan[];
  readonly #fds: readonly number[];
  readonly #poller = createPoller();
  readonly #into = stableBytes(256);
  #loads: { readonly load: Load; readonly frame: Uint8Array; due: number }[] = [];
  #sent: Sent[] = [];
  #heard: Heard[] = [];
  #nextId = 0;

  constructor({ lans }: AskerStart) {
    this.#lans = lans.map(({ index, mac }) => ({
      fd: openSocket(index),
      mac: Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16)),
    }));
    this.#fds = this.#lans.map(({ fd }) => fd);
  }

  ask(loads: readonly Load[]): void {
    const start = now();
    // Spread over the first interval, or a thousand loads would come as a thousand frames at once.
    this.#loads = loads.map((load, i) => ({
      load,
      frame: requestFor(load.address),
      due: start + (i * 1000) / load.perSecond / loads.length,
    }));
  }

  /** Sends what is due and takes what has come. */
  turn(): void {
    const time = now();
    for (const each of this.#loads)
      for (; each.due <= time; each.due += 1000 / each.load.perSecond) this.#send(each.load, each.frame);
    this.#poller.wait(this.#fds, 1);
    for (const [lan, { fd }] of this.#lans.entries()) while (this.#receive(lan, fd));
  }

  #send({ lan, address }: Load, frame: Uint8Array): void {
    const link = this.#lans[lan];
    if (link === undefined) throw new Error(`ask on LAN ${lan}: no such`);
    const id = this.#nextId++;
    frame.set(link.mac, 6);
    frame.set(link.mac, 22);
    viewOf(frame).setUint32(28, FIRST_ID + id);
    const at = now();
    check(libc.send(link.fd, frame, frame.length, 0), `ask on LAN ${lan}`);
    this.#sent.push({ id, lan, address, at });
  }

  #receive(lan: number, fd: number): boolean {
    const length = libc.recv(fd, this.#into, this.#into.length, 0);
    if (length < 0) {
      const code = errnoName();
      if (code !== 'EAGAIN' && code !== 'EINTR') throw new SystemError(`receive on LAN ${lan}`, code);
      return false;
    }
    const view = viewOf(this.#into);
    const [sender, target] = [view.getUint32(28), view.getUint32(38)];
    const isAnnouncement = sender === target;
    if (view.getUint16(20) === 1 && !isAnnouncement) return true;
    this.#heard.push({
      id: isAnnouncement ? undefined : target - FIRST_ID,
      lan,
      address: text(sender),
      mac: formatMac(this.#into.subarray(22, 28)),
      at: now(),
    });
    return true;
  }

  flush(): void {
    if (this.#sent.length + this.#heard.length === 0) return;
    tell({ kind: 'frames', sent: this.#sent, heard: this.#heard });
    this.#sent = [];
    this.#heard = [];
  }
}

function main(start: AskerStart): void {
  const asker = new Asker(start);
  const obey = (command: AskerCommand): void => {
    if (command.kind === 'ask') return asker.ask(command.loads);
    asker.flush();
    tell({ kind: 'mark', id: command.id });
  };
  createInterface({ input: process.stdin }).on('line', (line) => obey(JSON.parse(line) as AskerCommand));
  let turns = 0;
  const loop = (): void => {
    asker.turn();
    if (++turns % 20 === 0) asker.flush();
    setImmediate(loop);
  };
  tell({ kind: 'ready' });
  loop();
}

if (import.meta.main) main(JSON.parse(process.argv[2] ?? '{}') as AskerStart);
