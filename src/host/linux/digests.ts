// Digests by Node's own OpenSSL.

import { createHash, createHmac } from 'node:crypto';
import type { Digests } from '../host.ts';

export const digests: Digests = {
  sha256: (text) => createHash('sha256').update(text).digest(),
  hmacSha256: (key, bytes) => createHmac('sha256', key).update(bytes).digest(),
};
