// Tells of what the API refuses for want of permission: the first refusal of each kind is a warning, then one a minute,
// and the end of it. Thousands of addresses may wait for the same permission.

import type { Clock } from '../host/host.ts';
import type { Log } from '../observe/log.ts';
import { minutes } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';
import { apiErrorCode } from './api-errors.ts';

const TELL_EVERY = minutes(1);

export class Refusals {
  readonly #log: Log;
  readonly #clock: Clock;
  /** When each kind of request that is refused now was told of last. */
  readonly #told = new Map<string, Instant>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `message` says what was not done, and is the kind of request. */
  failed(message: string, values: { readonly name: string; readonly error: unknown }): void {
    const code = apiErrorCode(values.error);
    const isRefused = code === 'Forbidden' || code === 'Unauthorized';
    const now = this.#clock.now();
    const told = this.#told.get(message);
    const isNews = isRefused && (told === undefined || between(told, now) >= TELL_EVERY);
    if (isNews) this.#told.set(message, now);
    // Of an API that is away the watches tell.
    this.#log[isNews ? 'warn' : 'debug'](message, values);
  }

  succeeded(message: string): void {
    if (this.#told.delete(message)) this.#log.info('permitted again', { before: message });
  }
}
