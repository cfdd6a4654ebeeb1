// How the wire worker logs: it has no output of its own, the main thread writes what arrives as messages.

import type { FromWorker } from './messages.ts';

export type Line = Extract<FromWorker, { readonly kind: 'log' }>;

/** A constant message with values. */
export type Log = (level: Line['level'], message: string, values: Line['values']) => void;

/** What went wrong, as a value of a line. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const logTo =
  (post: (message: FromWorker) => void): Log =>
  (level, message, values) =>
    post({ kind: 'log', level, message, values });
