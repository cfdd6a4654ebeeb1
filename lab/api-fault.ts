// What can be asked of the fault proxy: which requests fail, how, and how often; and a gate that holds bytes back.

import type { ApiCall } from './api-call.ts';

/** What becomes of one request. */
export type ApiFault =
  /** Refused with a metav1.Status of this code. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  /** TCP RST instead of an answer. */
  | { readonly kind: 'reset' }
  /** Taken and never answered; a watch is accepted, and nothing follows. TCP itself stays alive. */
  | { readonly kind: 'silence' }
  /** Taken, and brought to the API server only when the fault is lifted, whether anybody waits for the answer or not. */
  | { readonly kind: 'hold' }
  /** Answered with 200 and no body: for a watch, one that ends at once. */
  | { readonly kind: 'close' };

/** How a TLS handshake fails: with an alert, with a certificate of another authority, with a TCP RST after the hello. */
export type TlsFailure = 'alert' | 'stranger' | 'reset';

/** Which requests; what is absent matches all. */
export interface FaultFilter {
  readonly verb?: ApiCall['verb'];
  /** Of the path with its query. */
  readonly path?: RegExp;
  readonly userAgent?: RegExp;
  /** How many requests at most; default all until it is lifted. */
  readonly times?: number;
}

/** A fault that was asked for. */
export interface Injection {
  /** performance.now() of each request that it struck. */
  readonly struckAt: readonly number[];
  /** Of each request that it struck: its verb and its path. */
  readonly struck: readonly ApiCall[];
  lift(): void;
}

export const nameOf = (fault: ApiFault): string =>
  fault.kind === 'status' ? `status ${fault.status}` : fault.kind;

export class ActiveInjection implements Injection {
  readonly fault: ApiFault;
  readonly struckAt: number[] = [];
  readonly struck: ApiCall[] = [];
  readonly #filter: FaultFilter;
  readonly #lifted = Promise.withResolvers<void>();
  readonly #remove: () => void;

  constructor(fault: ApiFault, filter: FaultFilter, remove: () => void) {
    this.fault = fault;
    this.#filter = filter;
    this.#remove = remove;
  }

  get lifted(): Promise<void> {
    return this.#lifted.promise;
  }

  lift(): void {
    this.#remove();
    this.#lifted.resolve();
  }

  /** Decides about one request, and remembers it. */
  strikes(call: ApiCall, caller: string): boolean {
    const { verb = call.verb, path, userAgent, times = Number.POSITIVE_INFINITY } = this.#filter;
    const isOf = (userAgent?.test(caller) ?? true) && (path?.test(call.path) ?? true);
    const isMeant = verb === call.verb && isOf && this.struckAt.length < times;
    if (!isMeant) return false;
    this.struckAt.push(performance.now());
    this.struck.push(call);
    return true;
  }
}

/** Holds back what passes through while it is closed. */
export class Gate {
  #closed: PromiseWithResolvers<void> | undefined;

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  close(): void {
    this.#closed ??= Promise.withResolvers<void>();
  }

  open(): void {
    this.#closed?.resolve();
    this.#closed = undefined;
  }

  async passed(): Promise<void> {
    await this.#closed?.promise;
  }

  async *hold(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      await this.passed();
      yield chunk;
    }
    await this.passed();
  }
}
