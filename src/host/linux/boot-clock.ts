// CLOCK_BOOTTIME as the host's Clock. Node's own clocks (process.hrtime, performance) are CLOCK_MONOTONIC, which
// stands still during suspend; a deadline must not. Costs about 0.1 us and allocates nothing.

import { instant } from '../../time/instant.ts';
import type { Clock } from '../host.ts';
import { check, libc } from './libc.ts';

const CLOCK_BOOTTIME = 7;

export function createBootClock(): Clock {
  // struct timespec: two 64-bit fields. The high half of the seconds stays 0 for 136 years of uptime.
  const timespec = new Uint32Array(new ArrayBuffer(16));
  return {
    now() {
      check(libc.clockGettime(CLOCK_BOOTTIME, timespec), 'read CLOCK_BOOTTIME');
      return instant((timespec[0] ?? 0) * 1000 + (timespec[2] ?? 0) / 1_000_000);
    },
  };
}
