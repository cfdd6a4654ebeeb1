// HTTP requests to one API server over one undici dispatcher with keep-alive, HTTP/1.1 and JSON: credentials, time
// limits, and what became of a request as ApiError. client-node opens a TLS connection per request instead.

import { Agent, buildConnector, type Dispatcher } from 'undici';
import { milliseconds, seconds } from '../time/duration.ts';
import { ApiError, codeOf, unreachable } from './api-error.ts';
import type { Credentials } from './credentials.ts';
import { withQuery } from './resource-path.ts';
import { processTime, type Time, type Timer } from './time.ts';

export interface RestOptions {
  /** How sockets are made, TLS included; the lab connects from another network namespace. */
  readonly connector?: buildConnector.connector;
  readonly userAgent?: string;
  readonly time?: Time;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** For messages: `get services "web/shop"`. */
  readonly what: string;
  readonly signal?: AbortSignal;
  /** How long the whole answer may take; for a stream, how long it may take to begin. */
  readonly timeoutMs: number;
}

type Response = Dispatcher.ResponseData;

const CONNECT_TIMEOUT = seconds(5);
/** Below kube-apiserver's own idle timeout of 90 s, so that we never write to a connection that it is closing. */
const IDLE_TIMEOUT = seconds(60);
/**
 * Probes on a silent connection; libuv sends ten, a second apart, before it gives the connection up. So a watch whose
 * peer is gone without a word ends after 20 s instead of never.
 */
const KEEP_ALIVE_DELAY = seconds(10);

export class RestClient {
  readonly #credentials: Credentials;
  readonly #options: RestOptions;
  readonly #origin: string;
  /** Where the server's URL has a path, as behind Rancher; without a slash at its end. */
  readonly #basePath: string;
  #agent: Agent;
  readonly #retired = new Set<Agent>();

  constructor(credentials: Credentials, options: RestOptions) {
    const url = new URL(credentials.server);
    this.#credentials = credentials;
    this.#options = options;
    this.#origin = url.origin;
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#agent = this.#createAgent();
  }

  /** The JSON document that the server answered with. */
  async json(request: Request): Promise<unknown> {
    const limit = new TimeLimit(request, this.#options.time ?? processTime);
    try {
      const response = await this.#send(request, limit.signal);
      return await response.body.json();
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
      return (await this.#send(request, limit.signal)).body;
    } catch (error) {
      throw this.#explain(request, limit, error);
    } finally {
      limit.lift();
    }
  }

  /** Ends everything that is in flight. */
  async close(): Promise<void> {
    await Promise.all([this.#agent, ...this.#retired].map((agent) => agent.destroy()));
  }

  async #send(request: Request, signal: AbortSignal): Promise<Response> {
    const response = await this.#dispatch(request, signal, false);
    if (response.statusCode < 300) return response;
    if (response.statusCode !== 401) throw await refusal(request, response);
    // The token may have been replaced a moment ago: read it anew, once.
    await response.body.dump();
    const second = await this.#dispatch(request, signal, true);
    if (second.statusCode < 300) return second;
    throw await refusal(request, second);
  }

  async #dispatch(request: Request, signal: AbortSignal, isTokenRefused: boolean): Promise<Response> {
    const { body, contentType = 'application/json' } = request;
    return await this.#agent.request({
      origin: this.#origin,
      path: this.#basePath + withQuery(request.path, request.query ?? {}),
      method: request.method,
      headers: {
        accept: 'application/json',
        'user-agent': this.#options.userAgent ?? 'fairlead',
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...(await this.#credentials.headers(isTokenRefused)),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    });
  }

  #explain(request: Request, limit: TimeLimit, error: unknown): ApiError {
    if (limit.hasPassed) {
      this.#retire();
      return unreachable(request.what, new Error(`no answer within ${request.timeoutMs / 1000} s`));
    }
    return error instanceof ApiError ? error : unreachable(request.what, error);
  }

  /**
   * After an answer that never came the other idle connections may be dead as well (half-open): new requests open new
   * ones, while what is in flight on the old ones may still end well.
   */
  #retire(): void {
    const agent = this.#agent;
    this.#agent = this.#createAgent();
    this.#retired.add(agent);
    void agent.close().finally(() => this.#retired.delete(agent));
  }

  #createAgent(): Agent {
    return new Agent({
      connect: this.#options.connector ?? connectorOf(this.#credentials),
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: IDLE_TIMEOUT,
      // The whole request has a limit instead.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }
}

function connectorOf({ tls }: Credentials): buildConnector.connector {
  return buildConnector({
    ...tls,
    allowH2: false,
    timeout: CONNECT_TIMEOUT,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY,
  });
}

/** Aborts a request when its time is over or its caller does. */
class TimeLimit {
  readonly signal: AbortSignal;
  hasPassed = false;
  readonly #timer: Timer;

  constructor({ timeoutMs, signal }: Request, time: Time) {
    const controller = new AbortController();
    this.signal = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]);
    this.#timer = time.after(milliseconds(timeoutMs), 'request limit', () => {
      this.hasPassed = true;
      controller.abort();
    });
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

async function refusal(request: Request, response: Response): Promise<ApiError> {
  const text = await response.body.text();
  const { reason, message, details } = readStatus(text);
  const code = codeOf(response.statusCode, reason);
  const retryAfter = Number(response.headers['retry-after'] ?? details?.retryAfterSeconds ?? Number.NaN);
  const said = message ?? text.slice(0, 200).trim();
  return new ApiError(`${request.what}: ${code}: ${said || `HTTP status ${response.statusCode}`}`, {
    code,
    status: response.statusCode,
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
