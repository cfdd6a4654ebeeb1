// What the log says of a peer that is another than before: the one thing about it that matters most.

import type { PeerView } from '../election/segment.ts';
import type { Line } from './log.ts';

type News = Pick<Line, 'level' | 'message'>;

/** Undefined: nothing is known of it any more. */
export function peerNews(peer: PeerView | undefined): News {
  if (peer === undefined) return { level: 'info', message: 'peer is forgotten' };
  if (peer.state === 'Dead') return { level: 'warn', message: 'peer is dead' };
  if (peer.state === 'PathLost') return { level: 'warn', message: 'peer is heard by others only' };
  if (peer.isHung) return { level: 'warn', message: 'main thread of a peer hangs' };
  if (peer.isUnable) return { level: 'warn', message: 'kube-proxy of a peer is not healthy' };
  if (peer.isDeaf) return { level: 'warn', message: 'peer hears nobody' };
  if (!peer.hearsMe) return { level: 'warn', message: 'peer does not hear this node' };
  return { level: 'info', message: peer.isLeaving ? 'peer leaves' : 'peer lives' };
}
