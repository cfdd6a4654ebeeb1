// What went wrong with a request to the Kubernetes API: one error type with a stable code, whatever the transport said.

import type { ApiErrorCode } from './api.ts';

export interface ApiErrorDetails {
  readonly code: ApiErrorCode;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** metav1.Status.reason, where the server sent one. */
  readonly reason?: string;
  /** From Retry-After. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: ApiErrorDetails) {
    super(message, { cause: details.cause });
    this.name = 'ApiError';
    this.code = details.code;
    this.status = details.status;
    this.reason = details.reason ?? '';
    this.retryAfterMs = details.retryAfterMs;
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

export const hasCode = (error: unknown, ...codes: readonly ApiErrorCode[]): boolean =>
  error instanceof ApiError && codes.includes(error.code);
