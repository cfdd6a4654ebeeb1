// How long things take in the election: what follows from the heartbeat's flags, and the constants of ELECTION.md.

import type { ElectorOptions } from '../election/elector.ts';
import { type Duration, milliseconds, seconds, times } from '../time/duration.ts';

/** What the agent's flags say of heartbeats, and of the time before they tell anything. */
export interface HeartbeatTimes {
  readonly interval: Duration;
  readonly multiplier: number;
  /** How long a holder that was never heard is waited for where nothing is known of its Lease. */
  readonly startupGrace: Duration;
}

/** The times of ELECTION.md sections 4 to 8. */
export const electionTimes = ({ interval, startupGrace }: HeartbeatTimes): Omit<ElectorOptions, 'me'> => ({
  claimStagger: milliseconds(50),
  // The write of a claim took 88 ms on a busy machine (decision 0007).
  recordStagger: milliseconds(500),
  listening: times(interval, 5),
  startupGrace,
  aloneWait: milliseconds(150),
  offerPatience: milliseconds(300),
  recordTrust: seconds(1),
  revokePatience: seconds(1),
  refutalTrust: seconds(10),
  retryPause: seconds(1),
  keyPatience: seconds(2),
});

/** Where no flags are read. */
export const DEFAULT_HEARTBEAT: HeartbeatTimes = {
  interval: milliseconds(100),
  multiplier: 3,
  startupGrace: seconds(10),
};
