// A proxy that stands between a client and the real API server and fails on demand: refusals, resets, failing TLS,
// lost packets, silent and short-lived watches. It ends TLS with the API server's own certificate.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Agent, type Dispatcher } from 'undici';
import { seconds } from '../src/time/duration.ts';
import { type ApiCall, callOf } from './api-call.ts';
import {
  ActiveInjection,
  type ApiFault,
  type FaultFilter,
  Gate,
  type Injection,
  nameOf,
  type TlsFailure,
} from './api-fault.ts';
import type { ControlPlane } from './control-plane.ts';
import { connectorIn } from './kube-client.ts';
import type { Access } from './kubeconfig.ts';
import { type Endpoint, listenIn } from './netns.ts';
import { admitArrivals, dropArrivals, unacknowledged } from './syscalls.ts';
import { waitFor } from './wait.ts';

export type { ApiFault, FaultFilter, Injection, TlsFailure } from './api-fault.ts';

export interface FaultProxyOptions {
  readonly controlPlane: Pick<ControlPlane, 'admin' | 'serving'>;
  /** A namespace from which the API server is reached. */
  readonly netns: string;
  /** Where clients find the proxy; default any port of 127.0.0.1 in this process's own namespace. */
  readonly listen?: Endpoint & { readonly netns: string };
}

/** In the serving certificate; a client that does not reach the proxy at the API server's address checks this name. */
export const SERVER_NAME = 'kubernetes';

/** A certificate for the same names, and its key, that nobody has reason to trust: it signed itself. */
const STRANGER = fileURLToPath(new URL('./stranger.pem', import.meta.url));

/** Resolves when it listens. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { admin, serving } = options.controlPlane;
  const [cert, key, stranger] = await Promise.all([
    readFile(serving.certificate),
    readFile(serving.key),
    readFile(STRANGER),
  ]);
  const upstream = new Agent({
    connect: connectorIn(options.netns, admin),
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const identities = { own: { cert, key }, stranger: { cert: stranger, key: stranger } };
  const proxy = new FaultProxy(admin, upstream, identities);
  await proxy.listen(options.listen);
  return proxy;
}

export class FaultProxy {
  /** How many requests went which way: `watch passed`, `list status 503`; and `tls failed`, one each connection. */
  readonly counts = new Map<string, number>();
  readonly #admin: Access;
  readonly #upstream: Agent;
  readonly #listener: Server;
  readonly #https: HttpsServer;
  /** Has no certificate, so it ends each handshake with an alert. */
  readonly #mute: TlsServer = createTlsServer();
  readonly #stranger: TlsServer;
  readonly #connections = new Set<Socket>();
  readonly #injections = new Set<ActiveInjection>();
  readonly #gate = new Gate();
  #tlsFailure: TlsFailure | undefined;
  #endpoint: Endpoint = { host: '', port: 0 };

  constructor(
    admin: Access,
    upstream: Agent,
    { own, stranger }: { readonly own: Identity; readonly stranger: Identity },
  ) {
    this.#admin = admin;
    this.#upstream = upstream;
    this.#https = createHttpsServer({ ...own, keepAliveTimeout: 0, requestTimeout: 0 });
    this.#stranger = createTlsServer(stranger);
    this.#https.on('request', (request, response) => void this.#serve(request, response));
    for (const server of [this.#https, this.#mute, this.#stranger])
      server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#listener = createServer((socket) => this.#accept(socket));
  }

  async listen(at: FaultProxyOptions['listen']): Promise<void> {
    if (at === undefined) await once(this.#listener.listen(0, '127.0.0.1'), 'listening');
    else await listenIn(at.netns, at, this.#listener);
    const { address, port } = this.#listener.address() as AddressInfo;
    this.#endpoint = { host: address, port };
  }

  /** As the administrator, through the proxy. */
  get access(): Access {
    return { ...this.#admin, server: `https://${this.#endpoint.host}:${this.#endpoint.port}` };
  }

  /** From now on this becomes of requests; of several faults for one request the first asked for strikes. */
  inject(fault: ApiFault, filter: FaultFilter = {}): Injection {
    const injection = new ActiveInjection(fault, filter, () => this.#injections.delete(injection));
    this.#injections.add(injection);
    return injection;
  }

  /** From now on new connections fail so in the TLS handshake; undefined = they do not. */
  failTls(how: TlsFailure | undefined): void {
    this.#tlsFailure = how;
  }

  /** Resets all connections of clients, watches included. */
  resetAll(): void {
    for (const socket of this.#connections) socket.resetAndDestroy();
  }

  /**
   * Loses all packets in both directions: what is open stays half-open, new connections are not answered. Resolves when
   * it has begun.
   */
  async drop(): Promise<void> {
    this.#gate.close();
    // What is repeated for want of an acknowledgement would still reach the client, and tell it that we live.
    const isQuiet = (): boolean =>
      [...this.#connections].every((socket) => unacknowledged(descriptorOf(socket)) === 0);
    await waitFor('clients to acknowledge what they were sent', isQuiet, seconds(10));
    for (const owner of this.#owners()) dropArrivals(descriptorOf(owner));
  }

  /** Ends `drop`; what was not given up meanwhile goes on. */
  heal(): void {
    for (const owner of this.#owners()) admitArrivals(descriptorOf(owner));
    this.#gate.open();
  }

  /** Undoes all faults. */
  calm(): void {
    for (const injection of this.#injections) injection.lift();
    this.#tlsFailure = undefined;
    if (this.#gate.isClosed) this.heal();
  }

  async close(): Promise<void> {
    this.#gate.open();
    this.#listener.close();
    for (const socket of this.#connections) socket.destroy();
    await this.#upstream.destroy();
  }

  #owners(): readonly (Socket | Server)[] {
    return [this.#listener, ...this.#connections];
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    const how = this.#tlsFailure;
    if (how === undefined) return void this.#https.emit('connection', socket);
    this.#count('tls failed');
    if (how === 'reset') socket.once('data', () => socket.resetAndDestroy());
    else (how === 'alert' ? this.#mute : this.#stranger).emit('connection', socket);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = callOf(request.method ?? '', request.url ?? '');
    const client = this.#clientOf(request);
    const userAgent = request.headers['user-agent'] ?? '';
    const injection = [...this.#injections].find((each) => each.strikes(call, userAgent));
    this.#count(`${call.verb} ${injection === undefined ? 'passed' : nameOf(injection.fault)}`);
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const isHeld = injection?.fault.kind === 'hold';
    if (injection !== undefined && !isHeld)
      return this.#fail(injection.fault, call, { client, request, response });
    try {
      if (isHeld) await this.#forwardLate(request, response, injection.lifted);
      else await this.#forward(request, response);
    } catch {
      // What the API server did not answer to its end is not answered to its end here either.
      client?.resetAndDestroy();
    }
  }

  #fail(fault: ApiFault, call: ApiCall, { client, request, response }: Exchange): void {
    request.resume();
    if (fault.kind === 'status') refuse(response, fault);
    else if (fault.kind === 'reset') client?.resetAndDestroy();
    else if (fault.kind === 'close') response.writeHead(200, JSON_TYPE).end();
    else if (call.verb === 'watch') response.writeHead(200, JSON_TYPE).flushHeaders();
  }

  /** The socket of a request is the TLS session; this is the TCP connection under it, if it is still open. */
  #clientOf({ socket: { remoteAddress, remotePort } }: IncomingMessage): Socket | undefined {
    return [...this.#connections].find(
      (each) => each.remotePort === remotePort && each.remoteAddress === remoteAddress,
    );
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#gate.passed();
    const abort = new AbortController();
    response.on('close', () => abort.abort());
    const hasBody = request.headers['content-length'] !== undefined || 'transfer-encoding' in request.headers;
    const answer = await this.#ask(request, { body: hasBody ? request : null, signal: abort.signal });
    await this.#gate.passed();
    response.writeHead(answer.statusCode, endToEnd(answer.headers));
    // A watch is accepted before its first event.
    response.flushHeaders();
    await pipeline(answer.body, (chunks: AsyncIterable<Buffer>) => this.#gate.hold(chunks), response);
  }

  /** As a network does it that delays packets: nobody can call back what was sent. */
  async #forwardLate(
    request: IncomingMessage,
    response: ServerResponse,
    lifted: Promise<void>,
  ): Promise<void> {
    const body = await readAll(request);
    await lifted;
    const answer = await this.#ask(request, { body: body.length === 0 ? null : body });
    response.writeHead(answer.statusCode, endToEnd(answer.headers));
    response.end(await answer.body.text());
  }

  #ask(
    { url, method, headers }: IncomingMessage,
    options: Pick<Dispatcher.RequestOptions, 'body' | 'signal'>,
  ): Promise<Dispatcher.ResponseData> {
    return this.#upstream.request({
      ...options,
      origin: this.#admin.server,
      path: url ?? '/',
      method: (method ?? 'GET') as Dispatcher.HttpMethod,
      headers: endToEnd(headers),
    });
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

/** PEM. */
interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Exchange {
  readonly client: Socket | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const JSON_TYPE = { 'content-type': 'application/json' };

function refuse(
  response: ServerResponse,
  { status, retryAfterSeconds }: Extract<ApiFault, { kind: 'status' }>,
): void {
  const message = `the fault proxy was told to answer ${status}`;
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  response.writeHead(status, { ...JSON_TYPE, ...retryAfter });
  response.end(
    JSON.stringify({ apiVersion: 'v1', kind: 'Status', status: 'Failure', code: status, message }),
  );
}

const HOP_BY_HOP = ['connection', 'host', 'keep-alive', 'transfer-encoding', 'expect', 'upgrade'];

const endToEnd = (headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.includes(name) ? [] : [[name, value] as const],
    ),
  );

/** Node tells the descriptor of a socket nowhere else. */
function descriptorOf(owner: Socket | Server): number {
  const { _handle: handle } = owner as unknown as { readonly _handle: { readonly fd: number } | null };
  if (handle === null) throw new Error('find descriptor of a socket: it is closed');
  return handle.fd;
}
