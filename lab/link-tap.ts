// Frames of a link in a namespace, seen and sent from outside of any program under test: tcpdump's capture with the
// kernel's timestamps, read as it comes (pcap, draft-ietf-opsawg-pcap), and a packet socket that sends what it is given.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Duration, milliseconds } from '../src/time/duration.ts';
import { inNamespace } from './netns.ts';
import * as sys from './syscalls.ts';

export interface LinkRef {
  readonly netns: string;
  readonly name: string;
}

/** A captured frame, perhaps cut short. */
export interface CapturedFrame {
  /** In milliseconds of process.hrtime, which all processes share. */
  readonly at: Duration;
  readonly bytes: Buffer;
}

export interface LinkTap {
  /** Ends the capture when all that was captured so far has been told. */
  stop(): Promise<void>;
}

export interface TapOptions {
  /** An expression of pcap-filter(7). */
  readonly filter: string;
  readonly direction: 'in' | 'out' | 'inout';
  readonly onFrame: (frame: CapturedFrame) => void;
}

const SNAP_LENGTH = 128;

/** Starts a capture; resolves when its socket is open. */
export async function tapLink(link: LinkRef, options: TapOptions): Promise<LinkTap> {
  const { filter, direction, onFrame } = options;
  const where = ['-i', link.name, '-Q', direction, '-s', String(SNAP_LENGTH)];
  const argv = ['netns', 'exec', link.netns, 'tcpdump', '--immediate-mode', '-U', '-n', '-w', '-', ...where];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'ip', ...argv, filter], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const read = readCapture(child.stdout, onFrame);
  const problem = collectText(child.stderr);
  // The file's header is written when the socket is open.
  const died = exited.then(([code]) => {
    throw new Error(`capture on ${link.name} in ${link.netns}: tcpdump ended with ${code}: ${problem()}`);
  });
  died.catch(() => undefined);
  await Promise.race([read.begun, died]);
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await Promise.all([exited, read.ended]);
    },
  };
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;

interface Reading {
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
}

function readCapture(stream: Readable, onFrame: (frame: CapturedFrame) => void): Reading {
  const begun = Promise.withResolvers<void>();
  const offset = clockOffset();
  const read = async (): Promise<void> => {
    let rest: Buffer = Buffer.alloc(0);
    let isFirst = true;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      rest = Buffer.concat([rest, chunk]);
      if (isFirst && rest.length < FILE_HEADER) continue;
      if (isFirst) rest = afterHeader(rest);
      isFirst = false;
      begun.resolve();
      rest = tellRecords(rest, offset, onFrame);
    }
  };
  return { begun: begun.promise, ended: read() };
}

function afterHeader(bytes: Buffer): Buffer {
  const magic = bytes.readUInt32LE(0);
  if (magic === MAGIC_MICROSECONDS) return bytes.subarray(FILE_HEADER);
  throw new Error(`read capture: magic ${magic.toString(16)}: want ${MAGIC_MICROSECONDS.toString(16)}`);
}

/** Tells all complete records; returns what is left. */
function tellRecords(bytes: Buffer, offset: number, onFrame: (frame: CapturedFrame) => void): Buffer {
  let start = 0;
  while (bytes.length - start >= RECORD_HEADER) {
    const end = start + RECORD_HEADER + bytes.readUInt32LE(start + 8);
    if (end > bytes.length) break;
    const wall = bytes.readUInt32LE(start) * 1000 + bytes.readUInt32LE(start + 4) / 1000;
    onFrame({ at: milliseconds(wall - offset), bytes: bytes.subarray(start + RECORD_HEADER, end) });
    start = end;
  }
  return bytes.subarray(start);
}

/** Wall time minus process.hrtime in milliseconds, read at the moment at which Date.now() ticks. */
function clockOffset(): number {
  const before = Date.now();
  for (;;) {
    const wall = Date.now();
    if (wall !== before) return wall - Number(process.hrtime.bigint()) / 1e6;
  }
}

function collectText(stream: Readable): () => string {
  const lines: string[] = [];
  stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
  return () => lines.join('').trim();
}

export interface LinkSender {
  send(frame: Uint8Array): void;
  close(): void;
}

/** Opens a packet socket that sends whole Ethernet frames on the link. */
export function openSender(link: LinkRef): LinkSender {
  const fd = inNamespace(link.netns, () => {
    const socket = sys.openSocket(sys.AF_PACKET, sys.SOCK_RAW);
    sys.bindToLink(socket, sys.linkIndex(link.name));
    return socket;
  });
  return { send: (frame) => sys.send(fd, frame), close: () => closeSync(fd) };
}
