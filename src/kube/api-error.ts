// What went wrong with a request to the Kubernetes API: one error type with a stable code, whatever the transport said.

import type { Duration } from '../time/duration.ts';
import type { ApiErrorCode } from './api.ts';

export interface ApiErrorDetails {
  readonly code: ApiErrorCode;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** metav1.Status.reason, where the server sent one. */
  readonly reason?: string;
  /** The reasons of metav1.Status.details.causes. */
  readonly causes?: readonly string[];
  /** How long the server asked us to wait (Retry-After). */
  readonly retryAfter?: Duration;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly status: number;
  /** '' where the server sent none. */
  readonly reason: string;
  readonly causes: readonly string[];
  readonly retryAfter: Duration | undefined;

  constructor(message: string, details: ApiErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ApiError';
    this.code = details.code;
    this.status = details.status;
    this.reason = details.reason ?? '';
    this.causes = details.causes ?? [];
    this.retryAfter = details.retryAfter;
  }
}

const CODES: Readonly<Record<number, ApiErrorCode>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
};

/** Kubernetes answers 409 both to a create of an existing name and to a lost update; the reason tells them apart. */
export function codeOf(status: number, reason: string | undefined): ApiErrorCode {
  if (status === 409 && reason === 'AlreadyExists') return 'AlreadyExists';
  if (reason === 'Expired' || reason === 'Gone') return 'Gone';
  return CODES[status] ?? (status >= 500 ? 'ServerError' : 'BadRequest');
}

export const hasCode = (error: unknown, ...codes: readonly ApiErrorCode[]): error is ApiError =>
  error instanceof ApiError && codes.includes(error.code);

/** Nothing new may be created in a namespace that is being deleted. */
export const isNamespaceEnding = (error: unknown): boolean =>
  hasCode(error, 'Forbidden') && error.causes.includes('NamespaceTerminating');

/** A request that got no HTTP answer, or one that broke off. */
export function unreachable(what: string, cause: unknown): ApiError {
  return new ApiError(`${what}: ${describeCause(cause)}`, { code: 'Unreachable', status: 0, cause });
}

/** The message of the innermost reason: an AggregateError (several addresses tried) has none of its own. */
function describeCause(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return describeCause(cause.errors.at(-1));
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || cause.name;
}

/** OpenSSL's verdicts on a certificate that no patience cures. Its times are not among them: clocks are set late. */
const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
];

/** Whether the server was reached, and its certificate is not one that our CA vouches for at this address. */
export const isUntrusted = (error: unknown): boolean =>
  hasCode(error, 'Unreachable') &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  UNTRUSTED.includes(String(error.cause.code));
