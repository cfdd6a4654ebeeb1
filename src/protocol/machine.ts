// The contract that every protocol and election machine follows. Stated once, here.
//
// - A machine is built from readonly options and, where it needs it, a source of randomness.
// - `step` takes one input and returns the ordered list of what must be done; it never throws for a peer's
//   misbehaviour (that is an output with a reason); an exception means a bug of ours.
// - Timers are instants in the machine's state: `deadline` says when it wants its next `{kind: 'timeout'}` input.
// - The driver performs all outputs of a step before it gives the next input.

import type { Instant } from '../time/instant.ts';

/** The input that every machine understands: its deadline has passed. */
export interface Timeout {
  readonly kind: 'timeout';
}

export interface Machine<Input, Output> {
  /** Takes one input at `now`; returns what to do, in order. */
  step(now: Instant, input: Input | Timeout): readonly Output[];
  /** When the machine wants its next timeout, or undefined if it waits for other inputs only. */
  deadline(): Instant | undefined;
}
