// What ends a running program before a signal does: the API refusing the essentials, or a part that has died.

import { hasCode, isUntrusted } from '../kube/api-error.ts';
import type { Log } from '../observe/log.ts';
import { EXIT, type ExitCode, LoggedFailure } from './exit.ts';

interface FinalRefusal {
  readonly exitCode: ExitCode;
  readonly message: string;
}

const FORBIDDEN: FinalRefusal = {
  exitCode: EXIT.forbidden,
  message: 'the API refuses what this program needs; want the roles of the chart',
};
const UNAUTHORIZED: FinalRefusal = {
  exitCode: EXIT.forbidden,
  message:
    'the API does not accept the credentials of this program; want a token or certificate that is valid',
};
const UNTRUSTED: FinalRefusal = {
  exitCode: EXIT.configuration,
  message:
    "the certificate of the API server is not trusted; want the CA that signed it, and the server's own name",
};

function finalOf(error: unknown): FinalRefusal | undefined {
  if (hasCode(error, 'Forbidden')) return FORBIDDEN;
  if (hasCode(error, 'Unauthorized')) return UNAUTHORIZED;
  return isUntrusted(error) ? UNTRUSTED : undefined;
}

/** Whether trying again does not help as long as nobody changes anything. */
export const isFinal = (error: unknown): error is Error => finalOf(error) !== undefined;

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

  /** The API goes on refusing what the program can not do without. */
  refused(error: Error): void {
    const { exitCode, message } = finalOf(error) ?? FORBIDDEN;
    this.#fail(exitCode, message, error);
  }

  died(error: Error): void {
    this.#fail(EXIT.other, 'a part of the program has died', error);
  }

  /**
   * Nothing may be written any more, so the process ends where it stands, and is started anew as a candidate. `reason`
   * is why the last renewal failed, if one did.
   */
  leadershipLost(reason?: Error): void {
    if (isFinal(reason)) this.refused(reason);
    else this.#fail(EXIT.other, 'leadership lost', new LeadershipLost());
  }

  #fail(exitCode: ExitCode, message: string, error: Error): void {
    this.#log.fatal(message, { error });
    this.#promise.reject(new LoggedFailure(exitCode, message, error));
  }
}

/** With a code, because it is what an API that is away leads to: not a bug of ours, whose stack would be logged. */
class LeadershipLost extends Error {
  readonly code = 'LeadershipLost';

  constructor() {
    super('renew the leader Lease: not done before its deadline');
  }
}
