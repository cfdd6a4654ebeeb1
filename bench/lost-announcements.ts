// Announcements of an address that get lost between the bridge and the client: the first ones of whoever takes it over.

import { mustExec } from '../lab/exec.ts';
import { type LabNetwork, portOf } from '../lab/network.ts';

export interface Refusal {
  /** Throws unless so many have been lost by now. */
  check(): Promise<void>;
  end(): Promise<void>;
}

const TABLE = 'lost_announcements';

/** Loses the first `count` announcements (RFC 5227 section 2.3) of the address by any other node than `except`. */
export async function refuseAnnouncements(
  network: LabNetwork,
  { address, count, except }: { readonly address: string; readonly count: number; readonly except: string },
): Promise<Refusal> {
  const nft = (...argv: readonly string[]): Promise<string> =>
    mustExec(['ip', 'netns', 'exec', network.lanNetns, 'nft', ...argv]);
  const of = `iifname != "${portOf({ name: except })}" oifname "${portOf(network.client)}"`;
  const announcement = `arp saddr ip ${address} arp daddr ip ${address}`;
  const chain = `type filter hook forward priority 1; ${of} ${announcement} numgen inc mod 65536 < ${count} counter drop;`;
  await nft(`table bridge ${TABLE} { chain forward { ${chain} }; }`);
  return {
    check: async () => {
      const lost = Number(/counter packets (\d+)/.exec(await nft('list', 'table', 'bridge', TABLE))?.[1]);
      if (lost !== count)
        throw new Error(`lose announcements of ${address}: ${lost} were lost: want ${count}`);
    },
    end: async () => {
      await nft('delete', 'table', 'bridge', TABLE);
    },
  };
}
