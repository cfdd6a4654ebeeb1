// A client in a network of its own behind the lab's router, whose routes FRR's zebra manages: so the one host of the LAN
// that must learn who holds an address is a router.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seconds } from '../src/time/duration.ts';
import type { Lab } from './cluster.ts';
import { mustExec } from './exec.ts';
import { waitFor } from './wait.ts';

/** RFC 5737, TEST-NET-3. */
const ROUTER = '203.0.113.1';
const CLIENT = '203.0.113.9';

const ZEBRA = '/usr/lib/frr/zebra';

/** Makes the client and starts the router's zebra; returns the client's namespace. */
export async function addRoutedClient(lab: Lab): Promise<string> {
  const { network } = lab;
  const netns = await network.addNamespace('far');
  await batch(network.router.netns, [
    `link add far0 type veth peer name eth0 netns ${netns}`,
    `address add ${ROUTER}/24 dev far0`,
    'link set far0 up',
  ]);
  await batch(netns, [
    'link set lo up',
    'link set eth0 up',
    `address add ${CLIENT}/24 dev eth0`,
    `route add default via ${ROUTER}`,
  ]);
  await startZebra(lab);
  return netns;
}

async function startZebra({ network, processes }: Lab): Promise<void> {
  // Its files and sockets are the lab's own; with those of FRR's defaults it would meet any other of this machine. It
  // gives up root, and so must own them.
  const directory = join(network.stateDir, 'zebra');
  await mustExec(['install', '-d', '-o', 'frr', '-g', 'frrvty', directory]);
  const [conf, pid, api] = ['conf', 'pid', 'api'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(conf, 'hostname router\n');
  await processes.start({
    target: 'zebra',
    netns: network.router.netns,
    argv: [
      ZEBRA,
      '-f',
      conf,
      '-i',
      pid,
      '-z',
      api,
      '--vty_socket',
      directory,
      '-A',
      '127.0.0.1',
      '--log',
      'stdout',
    ],
    readyWhen: (signal) =>
      waitFor('zebra to open its socket', () => existsSync(api), { deadline: seconds(10), signal }),
  });
}

const batch = async (netns: string, commands: readonly string[]): Promise<void> => {
  await mustExec(['ip', '-n', netns, '-batch', '-'], { input: `${commands.join('\n')}\n` });
};
