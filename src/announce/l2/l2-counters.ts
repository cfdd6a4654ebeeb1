// What L2 announcing has done, counted since the start: for /metrics. The counts go on when a link is deleted and
// comes back, because a metric must not go back; of links that never come back only so many are kept.

import { ARP_DROP_NAMES } from '../../protocol/arp/answer.ts';

/** The counts of one link name, raised in place: the answer path has no time for more. */
export interface LinkCounts {
  replies: number;
  announcements: number;
}

export interface L2Totals {
  readonly repliesByLink: Readonly<Record<string, number>>;
  readonly announcementsByLink: Readonly<Record<string, number>>;
  readonly dropsByReason: Readonly<Record<string, number>>;
  readonly transmitErrors: number;
  readonly kernelDrops: number;
}

/** The socket's own drop, besides those of protocol/arp: the frame was for another host. */
const OTHER_HOST = 'other-host';
const STALE = 'stale';

/** A node makes a link per Pod, under a new name each: their counts must not fill memory and metrics for ever. */
const MOST_ABSENT = 64;

export class L2Counters {
  transmitErrors = 0;
  otherHost = 0;
  /** Requests that came while this thread stood still. */
  stale = 0;
  /** Frames that the kernel dropped because a socket's queue was full. */
  kernelDrops = 0;
  /** In the order in which the links were seen first. */
  readonly #links = new Map<string, LinkCounts>();
  /** By the negative of the ArpDrop. */
  readonly #drops: number[] = new Array(Object.keys(ARP_DROP_NAMES).length + 1).fill(0);

  of(link: string): LinkCounts {
    const known = this.#links.get(link);
    if (known !== undefined) return known;
    const counts = { replies: 0, announcements: 0 };
    this.#links.set(link, counts);
    return counts;
  }

  /** Forgets links that are not `present`: those that counted nothing, and the oldest of too many others. */
  prune(present: ReadonlySet<string>): void {
    const absent = [...this.#links].filter(([name]) => !present.has(name));
    const used = absent.filter(([, { replies, announcements }]) => replies + announcements > 0);
    const kept = new Set(used.slice(-MOST_ABSENT));
    for (const each of absent) if (!kept.has(each)) this.#links.delete(each[0]);
  }

  /** `code`: a negative ArpDrop. */
  drop(code: number): void {
    this.#drops[-code] = (this.#drops[-code] ?? 0) + 1;
  }

  totals(): L2Totals {
    const links = [...this.#links];
    const drops = Object.entries(ARP_DROP_NAMES).map(([code, name]) => [
      name,
      this.#drops[-Number(code)] ?? 0,
    ]);
    return {
      repliesByLink: Object.fromEntries(links.map(([name, { replies }]) => [name, replies])),
      announcementsByLink: Object.fromEntries(
        links.map(([name, { announcements }]) => [name, announcements]),
      ),
      dropsByReason: { ...Object.fromEntries(drops), [OTHER_HOST]: this.otherHost, [STALE]: this.stale },
      transmitErrors: this.transmitErrors,
      kernelDrops: this.kernelDrops,
    };
  }
}
