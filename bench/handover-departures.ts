// The ways in which a node is asked to give an address up: how each begins, when the node is done, and how it is undone.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/cluster.ts';
import type { KubeObject } from '../src/kube/api.ts';
import { NODE, VIRTUAL_IP } from '../src/kube/kinds.ts';
import { milliseconds, seconds } from '../src/time/duration.ts';
import { EXCLUDED } from './failover-bed.ts';

export interface DepartureContext {
  readonly lab: Lab;
  readonly address: string;
  readonly leaver: string;
  /** One of the nodes that may follow. */
  readonly successor: string;
}

export interface Departure {
  readonly name: string;
  readonly shows: string;
  begin(context: DepartureContext): Promise<void>;
  /** Whether the leaver has given the address to another; false when patience is at its end. */
  isDone(context: DepartureContext): Promise<boolean>;
  undo(context: DepartureContext): Promise<void>;
}

const PATIENCE = seconds(30);
const LOOKING = milliseconds(20);
const MOVE_TO = 'fairlead.io/move-to';

interface VirtualIP extends KubeObject {
  readonly status?: { readonly holder?: string };
}

export const DEPARTURES: readonly Departure[] = [
  {
    name: 'term',
    shows: "SIGTERM to the holder's agent, done when it has ended",
    begin: async ({ lab, leaver }) => {
      await lab.faults.term(`agent/${leaver}`);
    },
    isDone: async ({ lab, leaver }) => {
      const ended = lab.processes.exited(`agent/${leaver}`).then(() => true);
      return Promise.race([ended, sleep(PATIENCE).then(() => false)]);
    },
    undo: async ({ lab, leaver }) => {
      await lab.faults.start(`agent/${leaver}`);
    },
  },
  {
    name: 'drain',
    shows:
      "the label that excludes the node from load balancers, done when another node is the VirtualIP's holder",
    begin: ({ lab, leaver }) => label(lab, leaver, ''),
    isDone: hasAnotherHolder,
    undo: ({ lab, leaver }) => label(lab, leaver, null),
  },
  {
    name: 'move',
    shows: `the annotation ${MOVE_TO}, done when another node is the VirtualIP's holder`,
    begin: ({ lab, address, successor }) => annotate(lab, address, successor),
    isDone: hasAnotherHolder,
    undo: ({ lab, address }) => annotate(lab, address, null),
  },
];

async function hasAnotherHolder({ lab, address, leaver }: DepartureContext): Promise<boolean> {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    const { status } = await lab.api.get<VirtualIP>(VIRTUAL_IP, { name: address });
    if (status?.holder !== undefined && status.holder !== leaver) return true;
    await sleep(LOOKING);
  }
  return false;
}

async function label(lab: Lab, name: string, value: string | null): Promise<void> {
  const body = { metadata: { labels: { [EXCLUDED]: value } } };
  await lab.api.patch(NODE, { name }, { type: 'merge', body });
}

async function annotate(lab: Lab, name: string, value: string | null): Promise<void> {
  const body = { metadata: { annotations: { [MOVE_TO]: value } } };
  await lab.api.patch(VIRTUAL_IP, { name }, { type: 'merge', body });
}
