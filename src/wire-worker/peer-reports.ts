// Tells the main thread who is heard on each link, and the log what is new about a peer; each only when it has changed.

import type { NodeId } from '../election/claim-order.ts';
import type { PeerState, PeerView } from '../election/segment.ts';
import type { Log } from './log.ts';
import type { PeerReport } from './messages.ts';
import type { NodeIds } from './node-ids.ts';
import { peerNews } from './peer-news.ts';

export interface PeerReportsDeps {
  readonly ids: NodeIds;
  readonly log: Log;
  /** All peers of a link, by name. */
  readonly report: (link: string, peers: readonly PeerReport[]) => void;
}

interface Told {
  readonly state: PeerState;
  /** What the log said of it last. */
  readonly message: string;
}

interface LinkPeers {
  readonly name: string;
  readonly peers: Map<NodeId, Told>;
  /** What was reported last, as text. */
  reported: string;
}

const NOTHING = JSON.stringify([]);

export class PeerReports {
  readonly #deps: PeerReportsDeps;
  readonly #links = new Map<number, LinkPeers>();

  constructor(deps: PeerReportsDeps) {
    this.#deps = deps;
  }

  /** Takes a peer as it is now; undefined: nothing is known of it any more. */
  tell(
    link: { readonly index: number; readonly name: string },
    node: NodeId,
    peer: PeerView | undefined,
  ): void {
    const known = this.#links.get(link.index) ?? { name: link.name, peers: new Map(), reported: NOTHING };
    this.#links.set(link.index, known);
    const { level, message } = peerNews(peer);
    if (known.peers.get(node)?.message !== message)
      this.#deps.log(level, message, { node: this.#deps.ids.nameOf(node), link: known.name });
    if (peer === undefined) known.peers.delete(node);
    else known.peers.set(node, { state: peer.state, message });
    this.#report(known);
  }

  /** Names of nodes have become known. */
  rename(): void {
    for (const link of this.#links.values()) this.#report(link);
  }

  /** The link is gone, and nobody is heard on it any more. */
  forget(index: number): void {
    const link = this.#links.get(index);
    if (link === undefined) return;
    this.#links.delete(index);
    link.peers.clear();
    this.#report(link);
  }

  #report(link: LinkPeers): void {
    const peers = Array.from(link.peers, ([id, { state }]) => ({ node: this.#deps.ids.nameOf(id), state }));
    peers.sort((a, b) => (a.node < b.node ? -1 : 1));
    const text = JSON.stringify(peers);
    if (text === link.reported) return;
    link.reported = text;
    this.#deps.report(link.name, peers);
  }
}
