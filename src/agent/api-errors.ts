// What an answer of the API to one of our writes means for the agent.

import type { ApiErrorCode } from '../kube/api.ts';

/**
 * - `Refused`: the object is not as the patch supposed (a test failed, or somebody wrote first).
 * - `Gone`: the object does not exist any more.
 * - `Ambiguous`: no answer, or one that leaves open whether the write was done; try again.
 * - `NotNow`: the server said no and did nothing; try again.
 */
export type WriteFailure = 'Refused' | 'Gone' | 'Ambiguous' | 'NotNow';

const FAILURES: Readonly<Record<ApiErrorCode, WriteFailure>> = {
  Invalid: 'Refused',
  Conflict: 'Refused',
  NotFound: 'Gone',
  Unreachable: 'Ambiguous',
  ServerError: 'Ambiguous',
  TooManyRequests: 'NotNow',
  Unauthorized: 'NotNow',
  Forbidden: 'NotNow',
  BadRequest: 'NotNow',
  AlreadyExists: 'NotNow',
  Gone: 'NotNow',
};

/** Rethrows what is not an answer of the API: a bug of ours. */
export function writeFailure(error: unknown): WriteFailure {
  const code = apiErrorCode(error);
  if (code === undefined) throw error;
  return FAILURES[code];
}

export function apiErrorCode(error: unknown): ApiErrorCode | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return Object.hasOwn(FAILURES, error.code) ? (error.code as ApiErrorCode) : undefined;
}
