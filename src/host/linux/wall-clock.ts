// CLOCK_REALTIME as text for people and the API: RFC 3339 with microseconds, as Kubernetes' MicroTime has them.

import type { WallClock } from '../host.ts';
import { check, libc } from './libc.ts';

const CLOCK_REALTIME = 0;

/** The timestamp of a moment given as whole seconds since 1970 and nanoseconds. */
export function formatTimestamp(seconds: number, nanoseconds: number): string {
  const microseconds = Math.floor(nanoseconds / 1000);
  const text = new Date(seconds * 1000).toISOString();
  return `${text.slice(0, 'yyyy-mm-ddThh:mm:ss'.length)}.${String(microseconds).padStart(6, '0')}Z`;
}

export function createWallClock(): WallClock {
  const timespec = new Uint32Array(new ArrayBuffer(16));
  return {
    timestamp() {
      check(libc.clockGettime(CLOCK_REALTIME, timespec), 'read CLOCK_REALTIME');
      const seconds = (timespec[1] ?? 0) * 2 ** 32 + (timespec[0] ?? 0);
      return formatTimestamp(seconds, timespec[2] ?? 0);
    },
  };
}
