// Receiving and making frames in the tests of packet sockets.

import type { LinkSocket } from '../../src/host/host.ts';
import { createPoller } from '../../src/host/linux/poller.ts';

/** How long a frame that must come is waited for; one that must not come is not waited for at all. */
const DEADLINE_MS = 10_000;

/** Receives frames until `isDone` says so of one; fails if they cease to come before. */
export async function receiveUntil(
  socket: LinkSocket,
  isDone: (frame: Uint8Array) => boolean,
): Promise<void> {
  const poller = createPoller();
  const fds = [socket.fd];
  const into = new Uint8Array(256);
  for (let count = 0; ; ) {
    const length = socket.receive(into);
    if (length > 0) count++;
    if (length > 0 && isDone(into.subarray(0, length))) return;
    if (length > 0) continue;
    if (poller.wait(fds, DEADLINE_MS).length === 0) throw new Error(`receive frames: no more after ${count}`);
    socket.fill();
  }
}

/** All frames that are waiting. */
export function receiveAll(socket: LinkSocket): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  const into = new Uint8Array(256);
  for (;;) {
    let length = socket.receive(into);
    if (length === 0) {
      socket.fill();
      length = socket.receive(into);
    }
    if (length === 0) return frames;
    frames.push(into.slice(0, length));
  }
}

/** The sender protocol address of an ARP frame, as an unsigned 32-bit number. */
export const senderProtocol = (frame: Uint8Array): number =>
  new DataView(frame.buffer, frame.byteOffset).getUint32(28);
