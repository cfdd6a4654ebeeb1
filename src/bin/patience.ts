// What the API refuses while a program starts may be there a moment later: the roles are loaded after the program, a
// token or a certificate is about to be replaced. So the program waits for a while before it ends.

import { type Duration, seconds } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';
import { isFinal } from './failure.ts';

export interface PatienceDeps {
  readonly now: () => Instant;
  /** Whether the end of the program takes nothing from anybody; asked at every refusal once the time is over. */
  readonly mayEnd: () => boolean;
  /** Called with the refusal when the time is over. */
  readonly onOver: (error: Error) => void;
}

const LIMIT: Duration = seconds(30);

export class Patience {
  readonly #deps: PatienceDeps;
  /** Since when each part of the start has been refused without a pause. */
  readonly #since = new Map<string, Instant>();

  constructor(deps: PatienceDeps) {
    this.#deps = deps;
  }

  /** An attempt of `what`, which the program can not start without, failed and is made again. */
  failed(what: string, error: Error): void {
    if (!isFinal(error)) {
      // An API that is away, or not yet itself, is waited for as long as it takes.
      this.#since.delete(what);
      return;
    }
    const { now, mayEnd, onOver } = this.#deps;
    const since = this.#since.get(what) ?? now();
    this.#since.set(what, since);
    if (between(since, now()) >= LIMIT && mayEnd()) onOver(error);
  }
}
