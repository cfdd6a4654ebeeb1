// eventfd(2) as a Waker: one thread makes it and gives its number to another, which polls it. File descriptors
// belong to the process, so the number alone is enough.

import type { Waker } from '../host.ts';
import { check, errnoName, libc, SystemError } from './libc.ts';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

const ONE = new Uint32Array([1, 0]);

/** Makes a new waker; `close` it when the thread that polls it has ended. */
export function createWaker(): Waker {
  return openWaker(check(libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'create eventfd'));
}

/** Takes hold of a waker that another thread made. */
export function openWaker(fd: number): Waker {
  const count = new Uint32Array(2);
  return {
    fd,
    wake() {
      if (libc.write(fd, ONE, 8) >= 0) return;
      const code = errnoName();
      // EAGAIN: the counter is full, so the reader has not consumed any wake-up yet and will wake anyway.
      if (code !== 'EAGAIN') throw new SystemError('write eventfd', code);
    },
    drain() {
      if (libc.read(fd, count, 8) >= 0) return;
      const code = errnoName();
      if (code !== 'EAGAIN' && code !== 'EINTR') throw new SystemError('read eventfd', code);
    },
    close() {
      check(libc.close(fd), 'close eventfd');
    },
  };
}
