// poll(2) over a handful of descriptors; its timeout is the loop's only timer.

import type { Poller } from '../host.ts';
import { errnoName, LITTLE_ENDIAN, libc, SystemError, stableBytes, viewOf } from './libc.ts';

const POLLIN = 0x1;
const POLLNVAL = 0x20;

/** struct pollfd: int fd, short events, short revents. */
const ENTRY = 8;
const EVENTS = 4;
const REVENTS = 6;

/** poll takes an int of milliseconds; a longer wait ends early, and the loop asks again. */
const LONGEST_WAIT = 2 ** 31 - 1;

const NONE: readonly number[] = [];

export function createPoller(): Poller {
  let polled: readonly number[] = NONE;
  let entries = stableBytes(0);
  let view = viewOf(entries);

  // The loop passes the same list until it waits for others: written two hundred times a second while many peers are
  // heard, whose socket is left alone in between. So the array is used again, and grows only.
  function prepare(fds: readonly number[]): void {
    if (fds === polled) return;
    polled = fds;
    if (entries.length < fds.length * ENTRY) {
      entries = stableBytes(fds.length * ENTRY);
      view = viewOf(entries);
    }
    for (let i = 0; i < fds.length; i++) {
      view.setInt32(i * ENTRY, fds[i] ?? -1, LITTLE_ENDIAN);
      view.setInt16(i * ENTRY + EVENTS, POLLIN, LITTLE_ENDIAN);
    }
  }

  // Any event counts: a pending error (POLLERR after ENETDOWN) has to be consumed, or poll returns at once for ever.
  function ready(): readonly number[] {
    return polled.filter((fd, i) => {
      const events = view.getInt16(i * ENTRY + REVENTS, LITTLE_ENDIAN);
      if (events & POLLNVAL) throw new SystemError(`poll descriptor ${fd}`, 'EBADF');
      return events !== 0;
    });
  }

  return {
    wait(fds, timeoutMilliseconds) {
      prepare(fds);
      const count = libc.poll(entries, fds.length, pollTimeout(timeoutMilliseconds));
      if (count > 0) return ready();
      if (count === 0) return NONE;
      const code = errnoName();
      if (code === 'EINTR') return NONE;
      throw new SystemError('poll', code);
    },
  };
}

/** Milliseconds for poll: rounded up, so that the deadline has passed when it returns; -1 waits for ever. */
export function pollTimeout(milliseconds: number | undefined): number {
  return milliseconds === undefined ? -1 : Math.min(Math.max(Math.ceil(milliseconds), 0), LONGEST_WAIT);
}
