// What the benches of heartbeats make of the reports of their programs.

import type { HostReport } from './heartbeat-host.ts';

const LIVES = 'peer lives';

/** How many peers live and hear the node, by what its worker said last of each. */
export const livingPeers = ({ peers }: Pick<HostReport, 'peers'>): number =>
  Object.values(peers).filter((news) => news === LIVES).length;

/** How often a worker has said meanwhile that a peer is anything but well. */
export function lossesBetween(before: Pick<HostReport, 'said'>, after: Pick<HostReport, 'said'>): number {
  const grown = Object.entries(after.said).map(
    ([news, count]) => [news, count - (before.said[news] ?? 0)] as const,
  );
  return grown.reduce((sum, [news, count]) => (news === LIVES ? sum : sum + count), 0);
}

/** How many addresses are held otherwise than before: by another node, with another epoch, by two or by none. */
export function movedBetween(
  before: readonly Pick<HostReport, 'held'>[],
  after: readonly Pick<HostReport, 'held'>[],
): number {
  const [old, now] = [holdersOf(before), holdersOf(after)];
  const uids = new Set([...old.keys(), ...now.keys()]);
  return [...uids].filter((uid) => old.get(uid) !== now.get(uid)).length;
}

/** By uid the numbers of the nodes that hold it, with their epochs. */
function holdersOf(reports: readonly Pick<HostReport, 'held'>[]): ReadonlyMap<string, string> {
  const holders = new Map<string, string>();
  for (const [index, { held }] of reports.entries())
    for (const each of held) {
      const [uid = '', epoch] = each.split(' ');
      holders.set(uid, `${holders.get(uid) ?? ''} ${index}@${epoch}`);
    }
  return holders;
}

type Totals = Pick<HostReport['totals'], 'received' | 'dropsByReason'>;

/** How many frames the worker has taken from its socket meanwhile, good ones and others. */
export const readBetween = (before: Totals, after: Totals): number => readOf(after) - readOf(before);

const readOf = ({ received, dropsByReason }: Totals): number =>
  Object.values(dropsByReason).reduce((sum, count) => sum + count, received);
