// The settings of all nodes of a virtual cluster: the defaults of the agent.

import type { ElectorOptions } from '../../src/election/elector.ts';
import { type Duration, milliseconds, seconds, times } from '../../src/time/duration.ts';

export const INTERVAL = milliseconds(100);
export const MULTIPLIER = 3;
export const DETECTION: Duration = times(INTERVAL, MULTIPLIER);
export const CLAIM_STAGGER = milliseconds(50);
export const LEASE: Duration = seconds(15);
export const RENEW_INTERVAL: Duration = seconds(7);
/** From when on a main thread that does not move is said to hang. */
export const HANG_TIMEOUT: Duration = seconds(2);
/** How long the API is asked about an address that a peer calls deleted. */
export const REVOKE_PATIENCE: Duration = seconds(1);
/** The one link that each node has. */
export const LINK = 2;

export const electorOptions = (me: bigint): ElectorOptions => ({
  me,
  claimStagger: CLAIM_STAGGER,
  recordStagger: milliseconds(500),
  listening: times(INTERVAL, 5),
  startupGrace: seconds(10),
  aloneWait: milliseconds(150),
  offerPatience: milliseconds(300),
  recordTrust: seconds(1),
  revokePatience: REVOKE_PATIENCE,
  refutalTrust: seconds(10),
  retryPause: seconds(1),
  keyPatience: seconds(2),
});
