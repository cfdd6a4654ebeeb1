// Network namespaces from inside this process: sockets opened in one, functions and programs run in one. A socket
// belongs for ever to the namespace in which it was opened, whichever thread uses it later.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type Server, Socket } from 'node:net';
import { type Address, parseAddress } from '../src/net/address.ts';
import type { Duration } from '../src/time/duration.ts';
import { type ExecOptions, type ExecResult, exec } from './exec.ts';
import * as sys from './syscalls.ts';

export interface Endpoint {
  /** An address of either family, as text. */
  readonly host: string;
  readonly port: number;
}

export const namespacePath = (netns: string): string => `/run/netns/${netns}`;

/**
 * Runs a synchronous function with the calling thread in the namespace. The process is aborted if the thread can not
 * come back: everything it did from then on would happen on the wrong network.
 */
export function inNamespace<T>(netns: string, action: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    enter(netns);
    try {
      return action();
    } finally {
      comeBack(home);
    }
  } finally {
    closeSync(home);
  }
}

function enter(netns: string): void {
  const fd = openSync(namespacePath(netns), 'r');
  try {
    sys.setNamespace(fd);
  } finally {
    closeSync(fd);
  }
}

function comeBack(home: number): void {
  try {
    sys.setNamespace(home);
  } catch (error) {
    process.stderr.write(`leave network namespace: ${String(error)}: cannot go on in the wrong one\n`);
    process.abort();
  }
}

/** Opens a non-blocking socket in the namespace (AF_* and SOCK_* of syscalls.ts); the caller closes the descriptor. */
export function socketIn(netns: string, domain: number, type: number): number {
  return inNamespace(netns, () => sys.openSocket(domain, type));
}

/** Connects over TCP from inside the namespace; rejects as net.connect does, or with ETIMEDOUT after `timeout`. */
export async function connectIn(netns: string, to: Endpoint, timeout?: Duration): Promise<Socket> {
  const socket = beginConnectIn(netns, to);
  const timer = timeout === undefined ? undefined : setTimeout(() => socket.destroy(timedOut(to)), timeout);
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** As connectIn, without waiting. */
export function beginConnectIn(netns: string, to: Endpoint): Socket {
  const address = addressOf(to.host);
  const socket = new Socket({ fd: socketIn(netns, sys.domainOf(address.family), sys.SOCK_STREAM) });
  return socket.connect(to.port, to.host);
}

const timedOut = (to: Endpoint): Error =>
  Object.assign(new Error(`connect ETIMEDOUT ${to.host}:${to.port}`), { code: 'ETIMEDOUT' });

/** Makes a server (net, http, https) listen inside the namespace. */
export async function listenIn(netns: string, at: Endpoint, server: Server): Promise<void> {
  const address = addressOf(at.host);
  const fd = socketIn(netns, sys.domainOf(address.family), sys.SOCK_STREAM);
  closeOnError(fd, () => {
    sys.allowAddressReuse(fd);
    sys.bindSocket(fd, address, at.port);
    sys.listenOn(fd, 511);
  });
  const listening = once(server, 'listening');
  server.listen({ fd });
  await listening;
}

/** A UDP socket bound inside the namespace; port 0 takes any. */
export async function udpSocketIn(netns: string, at: Endpoint): Promise<DatagramSocket> {
  const address = addressOf(at.host);
  const fd = socketIn(netns, sys.domainOf(address.family), sys.SOCK_DGRAM);
  closeOnError(fd, () => sys.bindSocket(fd, address, at.port));
  const socket = createSocket(address.family === 'IPv4' ? 'udp4' : 'udp6');
  // Listening is told within bind itself when it is given a descriptor.
  const listening = once(socket, 'listening');
  socket.bind({ fd });
  await listening;
  return socket;
}

function closeOnError(fd: number, action: () => void): void {
  try {
    action();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function addressOf(host: string): Address {
  const address = parseAddress(host);
  if (address === undefined) throw new Error(`open socket at "${host}": want an IPv4 or IPv6 address`);
  return address;
}

/** Runs a program in the namespace to its end. */
export const execIn = (
  netns: string,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> => exec(['ip', 'netns', 'exec', netns, ...argv], options);
