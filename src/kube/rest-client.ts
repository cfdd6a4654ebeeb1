// HTTP requests to one API server over one pool of connections with keep-alive, HTTP/1.1 and JSON: credentials, time
// limits, and what became of a request as ApiError. client-node opens a TLS connection per request instead.

import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { milliseconds } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import { ApiError, codeOf, unreachable } from './api-error.ts';
import { type Connect, ConnectionPool } from './connection-pool.ts';
import type { Credentials } from './credentials.ts';
import { ListParser } from './list-parser.ts';
import { withQuery } from './resource-path.ts';
import { processTime, type Time, type Timer } from './time.ts';

export interface RestOptions {
  /** How connections are opened; the lab opens them from another network namespace. */
  readonly connect?: Connect;
  readonly userAgent?: string;
  readonly time?: Time;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly acceptEncoding?: 'gzip';
  /** For messages: `get services "web/shop"`. */
  readonly what: string;
  readonly signal?: AbortSignal;
  /** How long the whole answer may take; for a stream, how long it may take to begin. */
  readonly timeoutMs: number;
}

/** Each is a way through the thread pool and back. */
const GUNZIP_CHUNK = 128 * 1024;

export class RestClient {
  readonly #credentials: Credentials;
  readonly #options: RestOptions;
  /** Where the server's URL has a path, as behind Rancher; without a slash at its end. */
  readonly #basePath: string;
  readonly #pool: ConnectionPool;

  constructor(credentials: Credentials, options: RestOptions) {
    this.#credentials = credentials;
    this.#options = options;
    this.#basePath = new URL(credentials.server).pathname.replace(/\/+$/, '');
    this.#pool = new ConnectionPool(credentials, options);
  }

  /** The JSON document that the server answered with. */
  json(request: Request): Promise<unknown> {
    return this.#read(request, async (response) => JSON.parse(await textOf(response)));
  }

  /**
   * As json, for an answer that may be long: compressed on its way, which costs the server less than to send the twenty
   * times of it, and parsed while it arrives.
   */
  list(request: Request): Promise<unknown> {
    return this.#read({ ...request, acceptEncoding: 'gzip' }, parseList);
  }

  async #read(request: Request, parse: (response: IncomingMessage) => Promise<unknown>): Promise<unknown> {
    const limit = new TimeLimit(request, this.#options.time ?? processTime);
    try {
      return await parse(await this.#send(request, limit));
    } catch (error) {
      throw this.#explain(request, limit, error);
    } finally {
      limit.lift();
    }
  }

  /** A body without an end of its own; once it has begun, only the request's signal ends it. */
  async stream(request: Request): Promise<AsyncIterable<Uint8Array>> {
    const limit = new TimeLimit(request, this.#options.time ?? processTime);
    try {
      return await this.#send(request, limit);
    } catch (error) {
      throw this.#explain(request, limit, error);
    } finally {
      limit.lift();
    }
  }

  /** Ends everything that is in flight. */
  close(): void {
    this.#pool.destroy();
  }

  async #send(request: Request, limit: TimeLimit): Promise<IncomingMessage> {
    const response = await this.#dispatch(request, limit, false);
    if (isGood(response)) return response;
    if (response.statusCode !== 401) throw await refusal(request, response);
    // The token may have been replaced a moment ago: read it anew, once.
    await textOf(response);
    const second = await this.#dispatch(request, limit, true);
    if (isGood(second)) return second;
    throw await refusal(request, second);
  }

  async #dispatch(request: Request, limit: TimeLimit, isTokenRefused: boolean): Promise<IncomingMessage> {
    const { body, contentType = 'application/json', acceptEncoding } = request;
    return await this.#pool.send({
      path: this.#basePath + withQuery(request.path, request.query ?? {}),
      method: request.method,
      headers: {
        accept: 'application/json',
        'user-agent': this.#options.userAgent ?? 'fairlead',
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...(acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding }),
        ...(await this.#credentials.headers(isTokenRefused)),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: limit.signal,
      isLate: () => limit.isOver(),
    });
  }

  #explain(request: Request, limit: TimeLimit, error: unknown): ApiError {
    if (limit.hasPassed) {
      // The other idle connections may be dead as well (half-open).
      this.#pool.retire();
      return unreachable(request.what, new Error(`no answer within ${request.timeoutMs / 1000} s`));
    }
    return error instanceof ApiError ? error : unreachable(request.what, error);
  }
}

const statusOf = (response: IncomingMessage): number => response.statusCode ?? 0;
const isGood = (response: IncomingMessage): boolean => statusOf(response) < 300;

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyOf(response)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function parseList(response: IncomingMessage): Promise<unknown> {
  const parser = new ListParser();
  for await (const chunk of bodyOf(response)) parser.add(chunk as Buffer);
  return parser.end();
}

/** kube-apiserver compresses what it is allowed to and what is longer than 128 KB. */
function bodyOf(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  // One that breaks off makes the reading of the other fail.
  return pipeline(response, createGunzip({ chunkSize: GUNZIP_CHUNK }), () => undefined);
}

/** Aborts a request when its time is over or its caller does. */
class TimeLimit {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #time: Time;
  readonly #end: Instant;
  readonly #timer: Timer;

  constructor({ timeoutMs, signal }: Request, time: Time) {
    const duration = milliseconds(timeoutMs);
    const own = this.#controller.signal;
    this.signal = signal === undefined ? own : AbortSignal.any([signal, own]);
    this.#time = time;
    this.#end = after(time.now(), duration);
    this.#timer = time.after(duration, 'request limit', () => this.#controller.abort());
  }

  /** The request was ended for it. */
  get hasPassed(): boolean {
    return this.#controller.signal.aborted;
  }

  /** By the clock, as the timer may be late; ends the request then. */
  isOver(): boolean {
    if (hasPassed(this.#end, this.#time.now())) this.#controller.abort();
    return this.hasPassed;
  }

  lift(): void {
    this.#timer.cancel();
  }
}

interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string }[];
  };
}

async function refusal(request: Request, response: IncomingMessage): Promise<ApiError> {
  const text = await textOf(response);
  const status = statusOf(response);
  const { reason, message, details } = readStatus(text);
  const code = codeOf(status, reason);
  const retryAfter = Number(response.headers['retry-after'] ?? details?.retryAfterSeconds ?? Number.NaN);
  const said = message ?? text.slice(0, 200).trim();
  return new ApiError(`${request.what}: ${code}: ${said || `HTTP status ${status}`}`, {
    code,
    status,
    ...(reason === undefined ? {} : { reason }),
    causes: (details?.causes ?? []).flatMap((cause) => cause.reason ?? []),
    ...(retryAfter >= 0 ? { retryAfter: milliseconds(retryAfter * 1000) } : {}),
  });
}

/** A metav1.Status, as far as it is one. */
function readStatus(text: string): Status {
  try {
    const status: unknown = JSON.parse(text);
    return typeof status === 'object' && status !== null ? status : {};
  } catch {
    // A proxy's page or an empty body: the caller quotes the text itself.
    return {};
  }
}
