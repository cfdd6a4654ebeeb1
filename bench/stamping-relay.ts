// A TCP relay to the lab's API server that notes when bytes of the server are passed on. What is in them stays
// encrypted between the two ends; only one of them speaks at a time in a bench that asks for the moment.

import { createServer, type Socket } from 'node:net';
import { connectIn, type Endpoint, listenIn } from '../lab/netns.ts';
import { sharedNow } from './first-reply.ts';

export interface StampingRelay {
  /** Forgets the moments so far. */
  forget(): void;
  /** When the first bytes since then were passed on, on the clock that all processes share; undefined before. */
  firstAt(): number | undefined;
  close(): void;
}

export interface RelayRoute {
  /** The namespace that connections come from, and that they go on into. */
  readonly from: string;
  readonly to: string;
  /** Where it listens in the one, and what it connects to in the other. */
  readonly at: Endpoint;
}

export async function startStampingRelay({ from, to, at }: RelayRoute): Promise<StampingRelay> {
  let first: number | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => void join(client));
  const join = async (client: Socket): Promise<void> => {
    const upstream = await connectIn(to, at);
    for (const socket of [client, upstream]) keep(sockets, socket);
    client.on('data', (chunk) => void upstream.write(chunk));
    upstream.on('data', (chunk) => {
      first ??= sharedNow();
      client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  };
  await listenIn(from, at, server);
  return {
    forget: () => {
      first = undefined;
    },
    firstAt: () => first,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  socket.setNoDelay(true);
  // Whoever is at the other end sees the connection end.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => sockets.delete(socket));
  sockets.add(socket);
}
