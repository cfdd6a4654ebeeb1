// The containers of all pods of a lab in one process: for each pod an HTTP and a UDP listener inside the pod's
// network namespace, answering with the pod's and node's name and the client's address.
//
// Usage: node lab/pod-server.ts CONTROL-SOCKET; the lab then sends it one PodListener per pod.

import type { Socket } from 'node:dgram';
import { createServer, type RequestListener } from 'node:http';
import { serveControl } from './control-socket.ts';
import { listenIn, udpSocketIn } from './netns.ts';

/** Asks for the listeners of one pod. */
export interface PodListener {
  readonly pod: string;
  readonly node: string;
  readonly netns: string;
  readonly ip: string;
  readonly ip6: string;
  readonly httpPort: number;
  readonly udpPort: number;
}

/** What a pod answers; `sequence` only over UDP, if the datagram carried one. */
export interface PodAnswer {
  readonly pod: string;
  readonly node: string;
  /** The address the request came from, as the pod saw it. */
  readonly client: string;
  readonly sequence?: number;
}

/** Reads the sequence number of a datagram: `17` or `{"sequence": 17}`. */
export function sequenceOf(payload: string): number | undefined {
  if (/^\d{1,15}\s*$/.test(payload)) return Number(payload);
  const match = /"sequence"\s*:\s*(\d{1,15})\b/.exec(payload);
  return match === null ? undefined : Number(match[1]);
}

async function listen(pod: PodListener): Promise<void> {
  const hosts = [pod.ip, pod.ip6];
  const http = hosts.map((host) =>
    listenIn(pod.netns, { host, port: pod.httpPort }, createServer(answerHttp(pod))),
  );
  await Promise.all([...http, ...hosts.map((host) => answerUdp(pod, host))]);
}

const answerHttp =
  (pod: PodListener): RequestListener =>
  (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(answerTo(pod, request.socket.remoteAddress ?? ''))}\n`);
  };

async function answerUdp(pod: PodListener, host: string): Promise<void> {
  const socket: Socket = await udpSocketIn(pod.netns, { host, port: pod.udpPort });
  socket.on('message', (payload, from) => {
    const sequence = sequenceOf(payload.toString('latin1'));
    const answer = { ...answerTo(pod, from.address), ...(sequence === undefined ? {} : { sequence }) };
    socket.send(JSON.stringify(answer), from.port, from.address);
  });
  // A client that is gone (ICMP port unreachable) is no reason to stop serving the others.
  socket.on('error', (error) => console.error(`pod ${pod.pod}: udp: ${error.message}`));
}

const answerTo = (pod: PodListener, client: string): PodAnswer => ({ pod: pod.pod, node: pod.node, client });

if (import.meta.main) {
  const [path] = process.argv.slice(2);
  if (path === undefined) throw new Error('pod-server: want the path of its control socket');
  await serveControl(path, (request) => listen(request as PodListener));
}
