// Exit codes, and what an error that reached the top means for them.

import { ListenError } from '../observe/health.ts';

export const EXIT = {
  done: 0,
  other: 1,
  usage: 2,
  configuration: 3,
  unreachable: 4,
  forbidden: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A mistake in the configuration: one line says what to change. */
export class ConfigurationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConfigurationError';
  }
}

/** A failure that ends a running program; the log has its reason already. */
export class LoggedFailure extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string, cause: Error) {
    super(`${message}: ${cause.message}`, { cause });
    this.name = 'LoggedFailure';
    this.exitCode = exitCode;
  }
}

/** Prints why the program ends, as one line unless it is a bug of ours, and returns the exit code. */
export function explain(error: unknown): ExitCode {
  const exitCode = exitCodeOf(error);
  if (exitCode === undefined) console.error('fairlead: internal error:', error);
  else console.error(`fairlead: ${(error as Error).message.replaceAll(/\s*\n\s*/g, ' ')}`);
  return exitCode ?? EXIT.other;
}

/** Undefined for a bug of ours. */
function exitCodeOf(error: unknown): ExitCode | undefined {
  if (error instanceof LoggedFailure) return error.exitCode;
  if (error instanceof ListenError || error instanceof ConfigurationError) return EXIT.configuration;
  return undefined;
}
