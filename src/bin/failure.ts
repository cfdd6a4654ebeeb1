// What ends a running program before a signal does: the API refusing the essentials, or a part that has died.

import type { Log } from '../observe/log.ts';
import { EXIT, type ExitCode, LoggedFailure } from './exit.ts';

export class Failure {
  readonly #log: Log;
  readonly #promise = Promise.withResolvers<never>();

  constructor(log: Log) {
    this.#log = log;
    // It may fail before anybody waits for it; whoever waits later still gets it.
    this.#promise.promise.catch(() => {});
  }

  /** Rejects with LoggedFailure when there is one; never resolves. */
  get promise(): Promise<never> {
    return this.#promise.promise;
  }

  forbidden(error: Error): void {
    this.#fail(EXIT.forbidden, 'the API refuses what this program needs; want the roles of the chart', error);
  }

  died(error: Error): void {
    this.#fail(EXIT.other, 'a part of the program has died', error);
  }

  /** Nothing may be written any more, so the process ends where it stands, and is started anew as a candidate. */
  leadershipLost(): void {
    this.#fail(EXIT.other, 'leadership lost', new LeadershipLost());
  }

  #fail(exitCode: ExitCode, message: string, error: Error): void {
    this.#log.fatal(message, { error });
    this.#promise.reject(new LoggedFailure(exitCode, error));
  }
}

/** With a code, because it is what an API that is away leads to: not a bug of ours, whose stack would be logged. */
class LeadershipLost extends Error {
  readonly code = 'LeadershipLost';

  constructor() {
    super('renew the leader Lease: not done before its deadline');
  }
}
