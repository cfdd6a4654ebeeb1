// A small API server over HTTP on loopback for tests of kube/: pages, watches with bookmarks, optimistic concurrency,
// and faults on demand.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { FakeKubeStore, failure, type Place, placeOf, type StoreAnswer } from './fake-kube-store.ts';

export type Verb = 'list' | 'watch' | 'other';

export type Fault =
  /** Served as always; lets a later fault hit a later request. */
  | { readonly kind: 'none' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'reset' }
  /** An answer that is no JSON. */
  | { readonly kind: 'garbage' }
  /** No answer, ever. */
  | { readonly kind: 'silence' }
  /** The headers, half of a body, and the end of the connection. */
  | { readonly kind: 'broken-off'; readonly encoding?: 'gzip' }
  /** A watch is accepted and ends at once, without an event. */
  | { readonly kind: 'close' }
  /** A watch is accepted and ends with an ERROR event of this code. */
  | { readonly kind: 'error-event'; readonly code: number }
  /** A watch is accepted and then sends nothing. */
  | { readonly kind: 'half-open' }
  /** A list claims to be this old, and to be empty. */
  | { readonly kind: 'lagging'; readonly resourceVersion: string };

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly verb: Verb;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly end: () => void;
}

export class FakeKubeServer {
  readonly store = new FakeKubeStore();
  readonly requests: SeenRequest[] = [];
  /** A page has no more items than this, whatever is asked for. */
  pageLimit = Number.POSITIVE_INFINITY;
  /** Connections that were ever made. */
  connections = 0;
  /** Watches that were ever accepted. */
  acceptedWatches = 0;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<Watcher>();
  readonly #faults: { readonly verb: Verb; readonly fault: Fault }[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  /** Resolves with the base URL. */
  async listen(): Promise<string> {
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next request of this verb meets the fault; several queue up. */
  failNext(verb: Verb, fault: Fault): void {
    this.#faults.push({ verb, fault });
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get openWatches(): number {
    return this.#watchers.size;
  }

  seen(verb: Verb): readonly SeenRequest[] {
    return this.requests.filter((request) => request.verb === verb);
  }

  /** Creates a Service in namespace web, as somebody else would. */
  put(name: string, metadata: object = {}): void {
    const path = '/api/v1/namespaces/web/services';
    const answer = this.store.handle({ method: 'POST', path, body: { metadata: { name, ...metadata } } });
    if (answer.status !== 201) throw new Error(`put ${name}: ${JSON.stringify(answer.body)}`);
  }

  delete(name: string): void {
    const answer = this.store.handle({ method: 'DELETE', path: `/api/v1/namespaces/web/services/${name}` });
    if (answer.status !== 200) throw new Error(`delete ${name}: ${JSON.stringify(answer.body)}`);
  }

  /** Ends all watches; `reset` breaks the connections. */
  endWatches(how: 'close' | 'reset'): void {
    for (const { response, end } of this.#watchers) {
      end();
      if (how === 'reset') response.socket?.resetAndDestroy();
      else response.end();
    }
  }

  /** Breaks all connections, as a server that is killed. */
  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.store.tick()) } };
    for (const { response } of this.#watchers) writeEvent(response, 'BOOKMARK', object);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://fake');
    const method = request.method ?? '';
    const place = placeOf(path);
    const isCollection = method === 'GET' && place.name === undefined;
    const verb = !isCollection ? 'other' : query.get('watch') === 'true' ? 'watch' : 'list';
    this.requests.push({ method, path, query, headers: request.headers, verb });
    const text = await bodyOf(request);
    const fault = this.#takeFault(verb);
    if (fault !== undefined && fault.kind !== 'lagging' && fault.kind !== 'none')
      return this.#fail(fault, response);
    if (verb === 'watch') return this.#watch(place, query, response);
    if (verb === 'list') {
      const isCompressed = /\bgzip\b/.test(String(request.headers['accept-encoding']));
      return (isCompressed ? sendCompressed : send)(response, this.#list(place, query, fault));
    }
    const contentType = request.headers['content-type'] ?? '';
    const body = text === '' ? {} : { body: JSON.parse(text) as unknown };
    send(response, this.store.handle({ method, path, contentType, ...body }));
  }

  #takeFault(verb: Verb): Fault | undefined {
    const index = this.#faults.findIndex((entry) => entry.verb === verb);
    return index < 0 ? undefined : this.#faults.splice(index, 1)[0]?.fault;
  }

  #fail(fault: Exclude<Fault, { kind: 'lagging' | 'none' }>, response: ServerResponse): void {
    switch (fault.kind) {
      case 'status': {
        const { status, retryAfterSeconds } = fault;
        if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
        return send(response, failure(status, '', `made to fail with ${status}`));
      }
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case 'garbage':
        response.end('<html>a proxy</html>');
        return;
      case 'silence':
        return;
      case 'broken-off':
        if (fault.encoding !== undefined) response.setHeader('content-encoding', fault.encoding);
        response.writeHead(200, { 'content-length': 1000 });
        response.write(
          fault.encoding === undefined ? '{"metadata"' : gzipSync('{"metadata"').subarray(0, 15),
        );
        setImmediate(() => response.socket?.destroy());
        return;
      case 'close':
        response.writeHead(200).end();
        return;
      case 'half-open':
        response.writeHead(200).flushHeaders();
        this.acceptedWatches += 1;
        return;
      case 'error-event':
        writeEvent(response, 'ERROR', { code: fault.code, message: 'made to fail' });
        response.end();
    }
  }

  #list(place: Place, query: URLSearchParams, fault: Fault | undefined): StoreAnswer {
    if (fault?.kind === 'lagging') {
      return { status: 200, body: { metadata: { resourceVersion: fault.resourceVersion }, items: [] } };
    }
    const [from = 0, version = this.store.version] = (query.get('continue') ?? '')
      .split('@')
      .filter(Boolean)
      .map(Number);
    const all = this.store.objects(place, query.get('labelSelector') ?? '');
    const to = from + Math.min(this.pageLimit, Number(query.get('limit') ?? all.length));
    const metadata = {
      resourceVersion: String(version),
      ...(to < all.length ? { continue: `${to}@${version}` } : {}),
    };
    return { status: 200, body: { metadata, items: all.slice(from, to) } };
  }

  #watch(place: Place, query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    if (from + 1 < this.store.oldest && from < this.store.version) {
      return send(response, failure(410, 'Expired', `too old resource version: ${from}`));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    for (const { type, object } of this.store.since(from, place)) writeEvent(response, type, object);
    const unsubscribe = this.store.subscribe(({ type, object, collection }) => {
      if (collection === place.collection) writeEvent(response, type, object);
    });
    const end = (): void => {
      unsubscribe();
      this.#watchers.delete(watcher);
    };
    const watcher = { response, end };
    this.#watchers.add(watcher);
    this.acceptedWatches += 1;
    response.on('close', end);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

function writeEvent(response: ServerResponse, type: string, object: unknown): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function send(response: ServerResponse, { status, body }: StoreAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** As kube-apiserver: what is longer than 128 KB. */
function sendCompressed(response: ServerResponse, { status, body }: StoreAnswer): void {
  const text = JSON.stringify(body);
  if (text.length <= 128 * 1024) return send(response, { status, body });
  response.writeHead(status, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
  response.end(gzipSync(text));
}
