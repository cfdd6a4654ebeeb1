// A running lab and the list of labs as text for a terminal.

import type { LabDescription, ProgramDescription } from './description.ts';

/** Pads columns to equal width. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}

/** What runs where, and what to do with it next. */
export function describeText(lab: LabDescription): string {
  const machines = [
    ...lab.nodes.map((node) => [node.name, node.ip, node.ip6, node.netns]),
    ['client', lab.client.ip, lab.client.ip6, lab.client.netns],
    ['router', lab.router.ip, lab.router.ip6, lab.router.netns],
    ['controlPlane', lab.controlPlane.ip, '', lab.controlPlane.netns],
  ];
  const programs = [...lab.controllers, ...lab.agents].map(
    ({ target, state, pid, url }: ProgramDescription) => [target, state, `pid ${pid}`, url],
  );
  const name = lab.name === 'lab' ? '' : ` --name ${lab.name}`;
  return [
    `lab "${lab.name}"`,
    ...table(machines),
    ...table(programs),
    `  kubeconfig ${lab.kubeconfig}`,
    `  logs       ${lab.logs}`,
    '',
    'Try:',
    `  npm run lab -- kubectl${name} apply -f lab/examples/shop.yaml`,
    `  npm run lab -- kubectl${name} get service,virtualip -A`,
    `  npm run lab -- curl${name} http://10.77.0.50/`,
    `  npm run lab -- fault${name} power-off node1`,
    `  npm run lab -- down${name}`,
  ].join('\n');
}

export interface LabLine {
  readonly name: string;
  readonly isAlive: boolean;
  readonly pid: number | undefined;
}

export function listText(labs: readonly LabLine[]): string {
  if (labs.length === 0) return 'there is no lab; start one with: npm run lab -- up';
  const rows = labs.map((lab) => [
    lab.name,
    lab.isAlive ? 'running' : 'dead',
    lab.pid === undefined ? '' : `pid ${lab.pid}`,
  ]);
  return table(rows).join('\n');
}
