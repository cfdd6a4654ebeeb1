// The HTTP server for kubelet and Prometheus: /healthz (the event loop runs), /readyz (what there is to do can be
// done; the reason otherwise) and /metrics.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface ListenAddress {
  /** Undefined = all addresses of both families. */
  readonly host: string | undefined;
  readonly port: number;
}

/** Reads `HOST:PORT`, `[HOST]:PORT` or `:PORT`; undefined for anything else. Port 0 lets the system choose. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
}

/** The server can not listen: the port is in use, or the address is not this host's. A mistake of configuration. */
export class ListenError extends Error {
  readonly code: string;
  constructor(address: ListenAddress, cause: NodeJS.ErrnoException) {
    const reasons: Record<string, string> = {
      EADDRINUSE: 'the port is in use',
      EADDRNOTAVAIL: 'the address is not one of this host',
      EACCES: 'not permitted',
    };
    const where = `"${address.host ?? ''}:${address.port}"`;
    super(`listen on ${where}: ${reasons[cause.code ?? ''] ?? cause.message}; choose another with --listen`, {
      cause,
    });
    this.name = 'ListenError';
    this.code = cause.code ?? 'EUNKNOWN';
  }
}

export interface HealthSources {
  /** Why the program is not ready, or undefined when it is. */
  notReady(): string | undefined;
  /** The metrics page. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}

interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const text = (status: number, body: string): Page => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${body}\n`,
});

export class HealthServer {
  readonly #sources: HealthSources;
  readonly #server: Server;

  constructor(sources: HealthSources) {
    this.#sources = sources;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = 5_000;
  }

  /** Starts listening; resolves with the port, rejects with ListenError. */
  listen(address: ListenAddress): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(new ListenError(address, cause)));
      this.#server.listen(
        { port: address.port, ...(address.host === undefined ? {} : { host: address.host }) },
        () => {
          const bound = this.#server.address();
          resolve(typeof bound === 'object' && bound !== null ? bound.port : address.port);
        },
      );
    });
  }

  /** Stops listening and ends open connections. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = await this.#page(request).catch((error: unknown) => text(500, String(error)));
    response.writeHead(page.status, { 'content-type': page.contentType, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : page.body);
  }

  async #page(request: IncomingMessage): Promise<Page> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD');
    const path = (request.url ?? '/').split('?', 1)[0];
    if (path === '/healthz') return text(200, 'ok');
    if (path === '/readyz') {
      const reason = this.#sources.notReady();
      return reason === undefined ? text(200, 'ok') : text(503, `not ready: ${reason}`);
    }
    if (path === '/metrics') return { status: 200, ...(await this.#sources.metrics()) };
    return text(404, 'not found; there are /healthz, /readyz and /metrics');
  }
}
