// Keep-alive connections to one API server under Node's own HTTP/1.1 client: how they are opened, how long that may
// take, and when they are trusted no more.

import { Agent, type ClientRequest, type IncomingMessage, request as sendRequest } from 'node:http';
import { isIP, connect as openTcp, type Socket } from 'node:net';
import { createSecureContext, connect as openTls } from 'node:tls';
import { seconds } from '../time/duration.ts';
import type { Credentials } from './credentials.ts';
import { processTime, type Time } from './time.ts';

/** Begins to open a connection to the API server, TLS included. */
export type Connect = () => Socket;

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Ends the request, and its answer as long as that is being read. */
  readonly signal: AbortSignal;
  /**
   * Asked once there is a connection, just before the request goes out on it: what took so long may have been this
   * process itself (SIGSTOP), and then the timer behind `signal` has not fired yet. If true, nothing is sent, and the
   * request ends by its signal.
   */
  readonly isLate: () => boolean;
}

export interface PoolOptions {
  readonly connect?: Connect | undefined;
  readonly time?: Time | undefined;
}

const CONNECT_TIMEOUT = seconds(5);
/** Below kube-apiserver's own idle timeout of 90 s, so that we never write to a connection that it is closing. */
const IDLE_TIMEOUT = seconds(60);
/**
 * Probes on a silent connection; libuv sends ten, a second apart, before it gives the connection up. So a watch whose
 * peer is gone without a word ends after 20 s instead of never.
 */
const KEEP_ALIVE_DELAY = seconds(10);

export class ConnectionPool {
  readonly #server: URL;
  readonly #connect: Connect;
  #agent: ApiAgent;
  /** These still carry what was in flight when they were given up. */
  #retired: readonly ApiAgent[] = [];
  #isDestroyed = false;
  /** What is written to a socket before it is open leaves whenever it opens, so nothing is. */
  readonly #opened = new WeakSet<Socket>();

  constructor(credentials: Pick<Credentials, 'server' | 'tls'>, { connect, time }: PoolOptions = {}) {
    this.#server = new URL(credentials.server);
    const open = connect ?? connectTo(this.#server, credentials.tls);
    this.#connect = () => openInTime(open, time ?? processTime, (socket) => this.#opened.add(socket));
    this.#agent = new ApiAgent(this.#connect);
  }

  /** Resolves when the answer begins; its body has to be read to the end or destroyed. */
  async send(request: HttpRequest): Promise<IncomingMessage> {
    const first = this.#begin(request);
    try {
      return await answerTo(first);
    } catch (error) {
      if (!(first.reusedSocket && isReset(error) && request.method === 'GET')) throw error;
      // The server closed the idle connection just as we wrote, and may have closed the others as well: RFC 9112
      // section 9.3.1. A write is not repeated here: it may have been done.
      this.retire();
      return await answerTo(this.#begin(request));
    }
  }

  /** New requests open new connections, while what is in flight on the old ones may still end well. */
  retire(): void {
    const before = this.#agent;
    this.#agent = new ApiAgent(this.#connect);
    before.retire();
    this.#retired = [...this.#retired, before].filter((agent) => !agent.isEmpty);
  }

  /** Ends everything that is in flight; nothing can be sent any more. */
  destroy(): void {
    this.#isDestroyed = true;
    for (const agent of [this.#agent, ...this.#retired]) agent.destroy();
  }

  #begin({ method, path, headers, body, signal, isLate }: HttpRequest): ClientRequest {
    if (this.#isDestroyed) throw new Error('the connection to the API server was closed');
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const all = { host: this.#server.host, ...headers, ...length };
    const request = sendRequest({ method, path, headers: all, agent: this.#agent, signal });
    request.once('socket', (socket) => {
      const send = (): void => void (isLate() || request.end(body));
      if (this.#opened.has(socket)) send();
      else socket.once(openEvent(socket), send);
    });
    return request;
  }
}

function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.once('response', (response) => {
      // Of an answer that breaks off Node says no more than `aborted`; the request knows why.
      request.on('error', (error) => response.destroy(error));
      resolve(response);
    });
  });
}

const isReset = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');

/** Node's pool of connections, which opens them in our way. */
class ApiAgent extends Agent {
  readonly #connect: Connect;

  constructor(connect: Connect) {
    super({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_DELAY, timeout: IDLE_TIMEOUT });
    this.#connect = connect;
  }

  get isEmpty(): boolean {
    return Object.keys(this.sockets).length === 0;
  }

  override createConnection(): Socket {
    return this.#connect();
  }

  /** Closes idle connections, and the others when they become idle. */
  retire(): void {
    this.maxFreeSockets = 0;
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}

const openEvent = (socket: Socket): string => ('encrypted' in socket ? 'secureConnect' : 'connect');

function openInTime(open: Connect, time: Time, onOpen: (socket: Socket) => void): Socket {
  const socket = open();
  const late = new Error(`no connection within ${CONNECT_TIMEOUT / 1000} s`);
  const limit = time.after(CONNECT_TIMEOUT, 'connect limit', () => socket.destroy(late));
  socket.once('close', () => limit.cancel());
  socket.once(openEvent(socket), () => {
    limit.cancel();
    onOpen(socket);
    // Not before: TLS sockets and libuv forget what is asked of a socket that is not open yet.
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY);
  });
  return socket;
}

function connectTo(server: URL, { servername, ...tls }: Credentials['tls']): Connect {
  // A URL has an IPv6 address in brackets.
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1');
  const isSecure = server.protocol === 'https:';
  const to = { host, port: Number(server.port || (isSecure ? 443 : 80)) };
  if (!isSecure) return () => openTcp(to);
  const name = servername ?? (isIP(host) === 0 ? host : undefined);
  // One for all connections: each would read the certificates again, and keep them.
  const secureContext = createSecureContext(tls);
  const { rejectUnauthorized } = tls;
  const options = { ...to, secureContext, rejectUnauthorized };
  return () => openTls(name === undefined ? options : { ...options, servername: name });
}
