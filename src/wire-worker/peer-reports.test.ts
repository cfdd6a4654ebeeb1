// What the main thread and the log learn of the peers on the links.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerView } from '../election/segment.ts';
import { milliseconds } from '../time/duration.ts';
import { NodeIds } from './node-ids.ts';
import { PeerReports } from './peer-reports.ts';

const ETH0 = { index: 2, name: 'eth0' };
const LIVE: PeerView = {
  ...{ state: 'Live', isLeaving: false, isUnable: false, isHung: false, isDeaf: false },
  ...{ hearsMe: true, hasAllClaims: true, detection: milliseconds(300) },
};

function bedOf(): { ids: NodeIds; reports: PeerReports; told: string[]; logged: string[] } {
  const [told, logged]: [string[], string[]] = [[], []];
  const ids = new NodeIds((name) => BigInt(name.slice(4)));
  const reports = new PeerReports({
    ids,
    log: (_, message, { node }) => void logged.push(`${node}: ${message}`),
    report: (link, peers) =>
      void told.push(`${link}: ${peers.map(({ node, state }) => `${node} ${state}`).join(', ')}`),
  });
  return { ids, reports, told, logged };
}

test('each change of a state is reported once, with all peers of the link in the order of their names', () => {
  const { ids, reports, told, logged } = bedOf();
  for (const name of ['node1', 'node2', 'node3']) ids.idOf(name);
  reports.tell(ETH0, 3n, LIVE);
  reports.tell(ETH0, 2n, LIVE);
  reports.tell(ETH0, 2n, { ...LIVE, hasAllClaims: false });
  reports.tell(ETH0, 3n, { ...LIVE, state: 'PathLost' });
  reports.tell(ETH0, 3n, { ...LIVE, state: 'Dead' });
  reports.tell(ETH0, 3n, undefined);
  assert.deepEqual(told, [
    'eth0: node3 Live',
    'eth0: node2 Live, node3 Live',
    'eth0: node2 Live, node3 PathLost',
    'eth0: node2 Live, node3 Dead',
    'eth0: node2 Live',
  ]);
  assert.deepEqual(logged, [
    'node3: peer lives',
    'node2: peer lives',
    'node3: peer is heard by others only',
    'node3: peer is dead',
    'node3: peer is forgotten',
  ]);
});

test('who is heard before it has a name is reported by its id, and by its name as soon as that is known', () => {
  const { ids, reports, told } = bedOf();
  reports.tell(ETH0, 255n, LIVE);
  reports.rename();
  ids.idOf('node255');
  reports.rename();
  reports.rename();
  assert.deepEqual(told, ['eth0: 00000000000000ff Live', 'eth0: node255 Live']);
});

test('on a link that is gone nobody is heard', () => {
  const { reports, told } = bedOf();
  reports.forget(2);
  reports.tell(ETH0, 2n, LIVE);
  reports.forget(2);
  assert.deepEqual(told.slice(1), ['eth0: ']);
});
