// Lengths of time. A Duration is a branded number of milliseconds (fractions allowed), so that it can be
// neither mixed up with an Instant nor written as a bare number.

declare const unit: unique symbol;

/** A length of time in milliseconds; may be fractional, never negative where it is a deadline or interval. */
export type Duration = number & { readonly [unit]: 'duration in ms' };

export const milliseconds = (count: number): Duration => count as Duration;
export const seconds = (count: number): Duration => (count * 1000) as Duration;
export const minutes = (count: number): Duration => (count * 60_000) as Duration;

/** The duration times a plain factor, for multipliers and jitter. */
export const times = (duration: Duration, factor: number): Duration => (duration * factor) as Duration;

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration as Go and Kubernetes write it with a single unit: `100ms`, `2s`, `0`.
 * Returns undefined for anything else.
 */
export function parseDuration(text: string): Duration | undefined {
  if (text === '0') return milliseconds(0);
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)$/.exec(text);
  const scale = UNITS[match?.[2] ?? ''];
  return match === null || scale === undefined ? undefined : milliseconds(Number(match[1]) * scale);
}
