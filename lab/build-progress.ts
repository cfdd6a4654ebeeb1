// How far a long Go build is, in lines for people.

import { seconds } from '../src/time/duration.ts';

const EVERY = seconds(3);

/** Counts what a build reports, and says how far it is: at each new step and every three seconds. */
export class BuildProgress {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #start = performance.now();
  #lastSaid = this.#start;
  #modules = 0;
  #done = 0;
  #total = 0;

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  say(line: string): void {
    this.#lastSaid = performance.now();
    this.#onLine?.(line);
  }

  /** One more module is being downloaded. */
  fetched(): void {
    this.#modules++;
    this.#sayNowAndThen(() => `fetching Go modules: ${this.#modules}`);
  }

  startCompiling(packages: number): void {
    this.#total = packages;
    this.say(
      `compiling kube-apiserver, kube-controller-manager, kube-proxy: ${packages} packages (once; minutes if many)`,
    );
  }

  /** One more package is compiled. */
  compiled(): void {
    this.#done++;
    if (this.#done === this.#total) this.say(`linking, after ${this.#elapsed()}`);
    this.#sayNowAndThen(() => `compiling: ${this.#done} of ${this.#total} packages, ${this.#elapsed()}`);
  }

  #sayNowAndThen(line: () => string): void {
    if (performance.now() - this.#lastSaid >= EVERY) this.say(line());
  }

  #elapsed(): string {
    const total = Math.round((performance.now() - this.#start) / 1000);
    return total < 60 ? `${total} s` : `${Math.floor(total / 60)} min ${total % 60} s`;
  }
}
