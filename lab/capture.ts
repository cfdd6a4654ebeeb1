// Watching the wire at the lab's client: the ARP packets that arrive there, as tcpdump's kernel timestamps have
// them. It tells when an announcement (RFC 5227) of an address really reached a neighbour.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface ArpSighting {
  /** Wall time in milliseconds since 1970, fractions allowed. */
  readonly time: number;
  /** The hardware address that claims the protocol address. */
  readonly mac: string;
  /** The sender protocol address. */
  readonly address: string;
}

export interface ArpCapture {
  /** The first packet that claimed `address`, if one was seen. */
  first(address: string): ArpSighting | undefined;
  /** All packets that claimed `address` so far, in order. */
  all(address: string): readonly ArpSighting[];
  stop(): Promise<void>;
}

// `1795264014.123456 02:00:00:00:00:0b > ff:ff:ff:ff:ff:ff, … Request who-has 10.77.0.50 tell 10.77.0.50, …`
// `1795264014.123456 02:00:00:00:00:0b > …, … Reply 10.77.0.50 is-at 02:00:00:00:00:0b, …`
const SENDER = /^(\d+\.\d+) ([0-9a-f:]{17}) > .*?(?: tell ([\d.]+)| Reply ([\d.]+) is-at)/;

/** Reads one line of `tcpdump -tt -e -n arp`; undefined for anything that claims no address. */
export function arpSighting(line: string): ArpSighting | undefined {
  const match = SENDER.exec(line);
  const address = match?.[3] ?? match?.[4];
  if (match === null || address === undefined) return undefined;
  return { time: Number(match[1]) * 1000, mac: match[2] ?? '', address };
}

/** Starts capturing ARP on eth0 of `netns`; resolves when the socket is open. */
export async function captureArp(netns: string): Promise<ArpCapture> {
  const argv = [
    'netns',
    'exec',
    netns,
    'tcpdump',
    '--immediate-mode',
    '-l',
    '-tt',
    '-e',
    '-n',
    '-i',
    'eth0',
    '-Q',
    'in',
    'arp',
  ];
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const sightings: ArpSighting[] = [];
  const ended = once(child, 'close');
  createInterface({ input: child.stdout }).on('line', (line) => {
    const sighting = arpSighting(line);
    if (sighting !== undefined) sightings.push(sighting);
  });
  const opened = Promise.withResolvers<void>();
  child.on('error', opened.reject);
  child.on('exit', (code) =>
    opened.reject(new Error(`capture ARP in "${netns}": tcpdump ended with ${code}`)),
  );
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.includes('listening on')) opened.resolve();
  });
  await opened.promise;
  return {
    first: (address) => sightings.find((sighting) => sighting.address === address),
    all: (address) => sightings.filter((sighting) => sighting.address === address),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
