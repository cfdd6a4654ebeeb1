// SIGTERM and SIGINT: the first asks a program to stop, the second ends it at once.

import type { Log } from '../observe/log.ts';
import { EXIT } from './exit.ts';

/** Resolves at the first signal. */
export function terminated(log: Log): Promise<void> {
  const first = Promise.withResolvers<void>();
  let isFirst = true;
  const receive = (signal: NodeJS.Signals): void => {
    log.info('signal received', { signal });
    if (!isFirst) process.exit(EXIT.other);
    isFirst = false;
    first.resolve();
  };
  process.on('SIGTERM', receive);
  process.on('SIGINT', receive);
  return first.promise;
}
