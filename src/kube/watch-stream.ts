// The events of a watch as the API server frames them (metav1.WatchEvent, one JSON document per line).

import type { KubeObject } from './api.ts';
import { ApiError, codeOf, unreachable } from './api-error.ts';
import { readLines } from './lines.ts';
import { withoutManagedFields } from './managed-fields.ts';

export interface ObjectEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** Nothing happened to the objects; the watch can be resumed from here. */
export interface Bookmark {
  readonly type: 'BOOKMARK';
  readonly object: { readonly metadata: { readonly resourceVersion: string } };
}

export type WatchEvent<T> = ObjectEvent<T> | Bookmark;

/** Yields events until the server ends the watch; an ERROR event and a broken connection end it with ApiError. */
export async function* readWatchEvents<T extends KubeObject>(
  body: AsyncIterable<Uint8Array>,
  what: string,
): AsyncGenerator<WatchEvent<T>> {
  const lines = readLines(body)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const line = await nextLine(lines, what);
      if (line === undefined) return;
      yield decodeWatchEvent<T>(line, what);
    }
  } finally {
    await lines.return?.(undefined);
  }
}

async function nextLine(lines: AsyncIterator<string>, what: string): Promise<string | undefined> {
  try {
    const { done, value } = await lines.next();
    return done === true ? undefined : value;
  } catch (error) {
    throw unreachable(what, error);
  }
}

interface RawEvent {
  readonly type?: unknown;
  readonly object?: {
    readonly metadata?: { readonly resourceVersion?: unknown };
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
  };
}

const TYPES: readonly unknown[] = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'];

function decodeWatchEvent<T>(line: string, what: string): WatchEvent<T> {
  const event = parse(line, what);
  const { type, object } = event;
  if (type === 'ERROR') {
    const { code = 500, reason, message } = object ?? {};
    const details = { code: codeOf(code, reason), status: code };
    throw new ApiError(
      `${what}: ${details.code}: ${message ?? reason ?? code}`,
      reason === undefined ? details : { ...details, reason },
    );
  }
  if (!TYPES.includes(type) || typeof object?.metadata?.resourceVersion !== 'string') {
    throw malformed(line, what);
  }
  return event as WatchEvent<T>;
}

function parse(line: string, what: string): RawEvent {
  try {
    const event: unknown = JSON.parse(withoutManagedFields(line));
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // Reported below, with the line itself.
  }
  throw malformed(line, what);
}

const malformed = (line: string, what: string): ApiError =>
  new ApiError(`${what}: event ${JSON.stringify(line.slice(0, 100))}: want a metav1.WatchEvent`, {
    code: 'ServerError',
    status: 200,
  });
