// Points in time on a clock that never goes back. The pure machines receive them as arguments; the shells read
// them from the host's Clock (CLOCK_BOOTTIME: monotonic, and it counts suspend).

import type { Duration } from './duration.ts';

declare const unit: unique symbol;

/** Milliseconds (fractions allowed) since an arbitrary origin; comparable only with instants of the same clock. */
export type Instant = number & { readonly [unit]: 'instant in ms' };

export const instant = (milliseconds: number): Instant => milliseconds as Instant;

export const after = (start: Instant, duration: Duration): Instant => (start + duration) as Instant;

/** The time from `start` to `end`; negative if `end` came first. */
export const between = (start: Instant, end: Instant): Duration => (end - start) as Duration;

export const hasPassed = (deadline: Instant, now: Instant): boolean => now >= deadline;

/** The earlier of two deadlines, where undefined means "none". */
export function earlier(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return a < b ? a : b;
}
