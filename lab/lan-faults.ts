// Faults of the LAN that lose some frames of a machine and not others: which set of the bridge's filter each changes.

import { LanFilter } from './lan-filter.ts';
import type { LabNetwork } from './network.ts';

export const LAN_FAULTS = [
  'isolate-api',
  'heal-api',
  'loss',
  'heal-loss',
  'oneway',
  'heal-oneway',
  'deaf',
  'heal-deaf',
  'mute',
  'heal-mute',
  'partition',
  'heal-partition',
] as const;
export type LanFault = (typeof LAN_FAULTS)[number];

export type Injector = (target: string, operand: string | undefined) => bigint | Promise<bigint>;

/** What each does with its target and its operand, as the command line gives them. */
export function lanFaults(network: LabNetwork): Readonly<Record<LanFault, Injector>> {
  const filter = new LanFilter(network);
  const known = (name: string): string => machineOf(network, name).name;
  const pair = (from: string, to: string | undefined): readonly string[] => [
    known(from),
    known(operandOf('oneway', to)),
  ];
  const across = (groups: string) => crossings(parseGroups(groups)).map((names) => names.map(known));
  return {
    'isolate-api': (node) => filter.change('apiless', 'add', [[known(node)]]),
    'heal-api': (node) => filter.change('apiless', 'delete', [[known(node)]]),
    loss: (node, percent) => filter.lose(known(node), percentOf(operandOf('loss', percent))),
    'heal-loss': (node) => filter.lose(known(node), 0),
    oneway: (from, to) => filter.change('oneway', 'add', [pair(from, to)]),
    'heal-oneway': (from, to) => filter.change('oneway', 'delete', [pair(from, to)]),
    deaf: (node) => filter.change('deaf', 'add', [[known(node)]]),
    'heal-deaf': (node) => filter.change('deaf', 'delete', [[known(node)]]),
    mute: (node) => filter.change('mute', 'add', [[known(node)]]),
    'heal-mute': (node) => filter.change('mute', 'delete', [[known(node)]]),
    partition: (groups) => filter.change('partitioned', 'add', across(groups)),
    'heal-partition': (groups) => filter.change('partitioned', 'delete', across(groups)),
  };
}

/** The machine of this name; throws with the names that there are. */
export function machineOf(network: LabNetwork, name: string): LabNetwork['client'] {
  const machines = [...network.nodes, network.controlPlane, network.router, network.client];
  const machine = machines.find((candidate) => candidate.name === name);
  if (machine !== undefined) return machine;
  throw new Error(
    `find machine "${name}": there is none; there are ${machines.map((each) => each.name).join(', ')}`,
  );
}

/** Reads `node1,cp|node2,node3`; who is not named stays in touch with all. */
export function parseGroups(text: string): readonly (readonly string[])[] {
  const groups = text.split('|').map((group) => group.split(',').filter((name) => name !== ''));
  const names = groups.flat();
  if (groups.length < 2 || groups.some((group) => group.length === 0) || new Set(names).size < names.length)
    throw new Error(`partition "${text}": want groups such as node1|node2,node3, and nobody twice`);
  return groups;
}

/** All ordered pairs of two names of different groups. */
const crossings = (groups: readonly (readonly string[])[]): readonly (readonly string[])[] =>
  groups.flatMap((group) =>
    groups
      .filter((other) => other !== group)
      .flatMap((other) => group.flatMap((a) => other.map((b) => [a, b]))),
  );

function operandOf(fault: string, operand: string | undefined): string {
  if (operand !== undefined) return operand;
  throw new Error(
    `inject fault "${fault}": it has one target: want ${fault === 'loss' ? 'a percentage' : 'a machine'} after it`,
  );
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (/^\d+(\.\d{1,2})?$/.test(text) && percent <= 100) return percent;
  throw new Error(`lose "${text}" percent: want a number from 0 to 100 with at most two decimals`);
}
