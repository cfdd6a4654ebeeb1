// Requests to a process of the lab over a unix socket: one JSON line asks, one JSON line answers, per connection.

import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Where the supervisor of the lab with this state directory listens. */
export const controlSocketOf = (stateDir: string): string => join(stateDir, 'control.sock');

type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string };

/** Serves `handle` on a socket that only this user can open; what it rejects with is told to the caller. */
export async function serveControl(
  path: string,
  handle: (request: unknown) => Promise<unknown>,
): Promise<Server> {
  await rm(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    void answerOn(socket, handle);
  });
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, 0o600);
  return server;
}

async function answerOn(socket: Socket, handle: (request: unknown) => Promise<unknown>): Promise<void> {
  for await (const line of createInterface({ input: socket })) {
    const answer: Answer = await handle(JSON.parse(line)).then(
      (value) => ({ ok: true, value: value ?? null }),
      (error: unknown) => ({ ok: false, error: error instanceof Error ? error.message : String(error) }),
    );
    socket.end(`${JSON.stringify(answer)}\n`);
  }
}

/** Asks the process at `path`; rejects with its error, or with one that names the socket if nobody answers. */
export async function callControl(path: string, request: unknown): Promise<unknown> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
  } catch (cause) {
    throw new Error(`connect to "${path}": nobody is listening`, { cause });
  }
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    const answer = JSON.parse(line) as Answer;
    if (answer.ok) return answer.value;
    throw new Error(answer.error);
  }
  throw new Error(`ask "${path}": closed without an answer`);
}
