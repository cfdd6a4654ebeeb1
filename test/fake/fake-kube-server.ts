// A small API server over HTTP on loopback for tests of kube/: lists with pages, watches with bookmarks, optimistic
// concurrency, and faults on demand. One kind (Services) is enough: kube/ treats all kinds alike.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from '../../src/kube/api.ts';

export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'reset' }
  /** A watch is accepted and ends at once, without an event. */
  | { readonly kind: 'close' }
  /** A watch is accepted and ends with an ERROR event of this code. */
  | { readonly kind: 'error-event'; readonly code: number }
  /** A list claims to be this old. */
  | { readonly kind: 'lagging'; readonly resourceVersion: string };

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly verb: 'list' | 'watch' | 'other';
}

interface LoggedEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

export class FakeKubeServer {
  readonly requests: SeenRequest[] = [];
  readonly #objects = new Map<string, KubeObject>();
  readonly #log: LoggedEvent[] = [];
  readonly #watchers = new Set<ServerResponse>();
  readonly #sockets = new Set<IncomingMessage['socket']>();
  readonly #faults: { readonly verb: SeenRequest['verb']; readonly fault: Fault }[] = [];
  readonly #server = createServer((request, response) => this.#serve(request, response));
  #version = 100;
  #uid = 0;

  async listen(): Promise<string> {
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next request of this verb meets the fault; several queue up. */
  failNext(verb: SeenRequest['verb'], fault: Fault): void {
    this.#faults.push({ verb, fault });
  }

  /** Creates or changes an object; `isNew` forces another uid under the same name. */
  put(name: string, isNew = false): void {
    const before = isNew ? undefined : this.#objects.get(name);
    const uid = before?.metadata.uid ?? `uid-${++this.#uid}`;
    const metadata = { name, namespace: 'web', uid, resourceVersion: String(++this.#version) };
    const object = { metadata: { ...metadata, creationTimestamp: '2026-01-01T00:00:00Z' } };
    this.#objects.set(name, object);
    this.#publish({ version: this.#version, type: before === undefined ? 'ADDED' : 'MODIFIED', object });
  }

  delete(name: string): void {
    const object = this.#objects.get(name);
    if (object === undefined) throw new Error(`no object ${name}`);
    this.#objects.delete(name);
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.#publish({ version: this.#version, type: 'DELETED', object: { metadata } });
  }

  /** Forgets the history: a watch from before now is answered with 410. */
  compact(): void {
    this.#log.length = 0;
  }

  /** Ends all watches; `how` = 'reset' breaks the connection. */
  endWatches(how: 'close' | 'reset'): void {
    for (const response of this.#watchers) {
      if (how === 'reset') response.socket?.resetAndDestroy();
      else response.end();
    }
    this.#watchers.clear();
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(++this.#version) } };
    for (const response of this.#watchers)
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  #publish(event: LoggedEvent): void {
    this.#log.push(event);
    const line = `${JSON.stringify({ type: event.type, object: event.object })}\n`;
    for (const response of this.#watchers) response.write(line);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake');
    const isList = request.method === 'GET' && url.pathname.endsWith('/services');
    const verb = !isList ? 'other' : url.searchParams.get('watch') === 'true' ? 'watch' : 'list';
    this.requests.push({ method: request.method ?? '', path: url.pathname, query: url.searchParams, verb });
    const index = this.#faults.findIndex((entry) => entry.verb === verb);
    const [planned] = index < 0 ? [] : this.#faults.splice(index, 1);
    if (planned !== undefined && this.#fail(planned.fault, response)) return;
    if (verb === 'watch') return this.#watch(url.searchParams, response);
    if (verb === 'list') return this.#list(url.searchParams, response, planned?.fault);
    answer(response, 404, { kind: 'Status', reason: 'NotFound', message: `no ${url.pathname}` });
  }

  #fail(fault: Fault, response: ServerResponse): boolean {
    switch (fault.kind) {
      case 'status':
        if (fault.retryAfterSeconds !== undefined) response.setHeader('retry-after', fault.retryAfterSeconds);
        answer(response, fault.status, { kind: 'Status', message: `made to fail with ${fault.status}` });
        return true;
      case 'reset':
        response.socket?.resetAndDestroy();
        return true;
      case 'close':
        response.writeHead(200).end();
        return true;
      case 'error-event':
        response.end(
          `${JSON.stringify({ type: 'ERROR', object: { code: fault.code, message: 'made to' } })}\n`,
        );
        return true;
      case 'lagging':
        return false;
    }
  }

  #list(query: URLSearchParams, response: ServerResponse, fault: Fault | undefined): void {
    const from = Number(query.get('continue') ?? '0');
    const limit = Number(query.get('limit') ?? '500');
    const all = [...this.#objects.values()];
    const next = from + limit < all.length ? String(from + limit) : '';
    const resourceVersion = fault?.kind === 'lagging' ? fault.resourceVersion : String(this.#version);
    answer(response, 200, {
      metadata: { resourceVersion, continue: next },
      items: all.slice(from, from + limit),
    });
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    const oldest = this.#log[0]?.version ?? this.#version + 1;
    if (from + 1 < oldest && from < this.#version) {
      return answer(response, 410, { kind: 'Status', reason: 'Expired', message: 'too old' });
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.#watchers.add(response);
    response.on('close', () => this.#watchers.delete(response));
    for (const event of this.#log) {
      if (event.version > from)
        response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
    }
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
