// Those who wait until something is true of what a process has said; whoever takes in what it says has them look again.

/** Ten times what anything here takes, or more; a test that waits so long has failed. */
export const DEADLINE_MS = 20_000;

export class Waiters {
  readonly #story: () => string;
  readonly #looks = new Set<() => void>();

  /** `story`: what was said last, for the error of one who has waited too long. */
  constructor(story: () => string) {
    this.#story = story;
  }

  /** Something new was said. */
  look(): void {
    for (const look of [...this.#looks]) look();
  }

  /** Waits until it is true; fails after the deadline. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    if (isTrue()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (isTrue()) resolve();
    };
    const late = setTimeout(() => reject(new Error(`wait for ${what}: ${this.#story()}`)), DEADLINE_MS);
    this.#looks.add(look);
    await promise.finally(() => {
      clearTimeout(late);
      this.#looks.delete(look);
    });
  }
}
