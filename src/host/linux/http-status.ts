// One HTTP request to this host itself, for its status.

import { get } from 'node:http';
import type { Duration } from '../../time/duration.ts';

/** Resolves with the status of the answer; rejects when none comes in time. */
export function httpStatus(url: string, timeout: Duration): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const signal = AbortSignal.timeout(timeout);
  const request = get(url, { agent: false, signal }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  request.on('error', (error) => reject(signal.aborted ? new Error(`no answer in ${timeout} ms`) : error));
  return promise;
}
