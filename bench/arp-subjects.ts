// Who answers in the bench `arp`, each in a namespace of its own, all with the same addresses: Fairlead's wire worker,
// a responder in C, and the kernel itself.

import { fileURLToPath } from 'node:url';
import type { LabClaim } from '../lab/state.ts';
import { formatAddress, parseAddress } from '../src/net/address.ts';
import { type ArpLink, assignAddresses, createArpLink, LINK } from './arp-links.ts';
import type { CPrograms } from './c-programs.ts';
import { LineProcess } from './line-process.ts';

const HOST = fileURLToPath(new URL('./arp-host.ts', import.meta.url));

export const ADDRESSES = { first: '10.77.1.0', count: 256 } as const;

export interface ArpSubject {
  readonly name: string;
  readonly link: ArpLink;
  /** Blocks its main thread 50 ms in every 100, or lets it rest. The kernel has a process beside it that does so. */
  setBusy(isBusy: boolean): Promise<void>;
  /** Processor time that its program has used for answering and all else, in seconds; the kernel's is nobody's. */
  processorSeconds(): number | undefined;
  stop(): Promise<void>;
}

/** Starts all subjects; resolves when each answers, or removes nothing: that is for the claim's owner. */
export async function startSubjects(claim: LabClaim, programs: CPrograms): Promise<readonly ArpSubject[]> {
  const range = [ADDRESSES.first, String(ADDRESSES.count)];
  const links = {
    fairlead: await createArpLink(claim, 'fairlead', 1),
    c: await createArpLink(claim, 'c', 2),
    kernel: await createArpLink(claim, 'kernel', 3),
  };
  await assignAddresses(links.kernel, allAddresses());
  return Promise.all([
    start('fairlead', links.fairlead, [process.execPath, HOST, ...range]),
    start('c', links.c, [programs.responder, LINK, ...range]),
    start('kernel', links.kernel, [programs.responder]),
  ]);
}

async function start(name: string, link: ArpLink, argv: readonly string[]): Promise<ArpSubject> {
  const program = new LineProcess(link.netns, argv);
  await program.expect('ready');
  return {
    name,
    link,
    setBusy: async (isBusy) => {
      const word = isBusy ? 'busy' : 'idle';
      program.tell(word);
      await program.expect(word);
    },
    processorSeconds: () => (name === 'kernel' ? undefined : program.processorSeconds()),
    stop: () => program.stop(),
  };
}

function allAddresses(): readonly string[] {
  const first = parseAddress(ADDRESSES.first);
  if (first === undefined) throw new Error(`addresses from "${ADDRESSES.first}": want an address`);
  return Array.from({ length: ADDRESSES.count }, (_, i) =>
    formatAddress({ ...first, value: first.value + BigInt(i) }),
  );
}
