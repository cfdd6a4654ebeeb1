// One HTTP request from inside a network namespace, on a connection of its own: what curl would do, without the
// cost of a process, so that it can be repeated every few milliseconds.

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Duration, seconds } from '../src/time/duration.ts';
import { connectIn } from './netns.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpOptions {
  /** For the whole request, connecting included; default 2 s. */
  readonly timeout?: Duration;
  /** PEM of the authority to trust; needed for https. */
  readonly certificateAuthority?: string;
  readonly token?: string;
}

/** GETs a URL whose host is an address; rejects if it can not connect or is not answered in time. */
export async function getIn(netns: string, url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const target = new URL(url);
  const timeout = options.timeout ?? seconds(2);
  const started = performance.now();
  const connection = await connectTo(netns, target, timeout);
  connection.on('error', told);
  const left = Math.max(1, timeout - (performance.now() - started));
  const timer = setTimeout(
    () => connection.destroy(new Error(`get "${url}": no answer in ${timeout} ms`)),
    left,
  );
  try {
    return await exchange(await secured(connection, target, options), target, options);
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}

// One failure shows at the socket, its TLS session and the request, again and again: what awaits it first rejects, the
// others need no more than a listener.
const told = (): void => undefined;

function connectTo(netns: string, target: URL, timeout: Duration): Promise<Socket> {
  const port = target.port === '' ? (target.protocol === 'https:' ? 443 : 80) : Number(target.port);
  return connectIn(netns, { host: target.hostname.replace(/^\[|\]$/g, ''), port }, timeout);
}

async function secured(socket: Socket, target: URL, options: HttpOptions): Promise<Socket> {
  if (target.protocol !== 'https:') return socket;
  const secure = connectTls({ socket, ca: options.certificateAuthority ?? '', host: target.hostname });
  secure.on('error', told);
  await once(secure, 'secureConnect');
  return secure;
}

async function exchange(socket: Socket, target: URL, options: HttpOptions): Promise<HttpAnswer> {
  const authorization = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  const request = httpRequest({
    createConnection: () => socket,
    host: target.hostname,
    path: `${target.pathname}${target.search}`,
    headers: { ...authorization, connection: 'close' },
  });
  request.on('error', told);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
}
