// Random numbers of the host, from the kernel's generator, for jitter and for identifiers. The pure machines
// receive what is drawn here as arguments.

import { randomBytes } from 'node:crypto';
import type { Random } from '../host.ts';

export type { Random } from '../host.ts';

export function createRandom(): Random {
  return {
    fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
    bytes: (count) => new Uint8Array(randomBytes(count)),
  };
}
