// What happened in a virtual world, as lines for a reader. Off in runs of thousands, on when one of them is replayed.

export class Timeline {
  readonly lines: string[] = [];
  readonly isOn: boolean;
  readonly #now: () => number;

  constructor(isOn: boolean, now: () => number) {
    this.isOn = isOn;
    this.#now = now;
  }

  /** `text` is made only when somebody reads it. */
  note(who: string, text: () => string): void {
    if (!this.isOn) return;
    const seconds = (this.#now() / 1000).toFixed(4).padStart(9);
    this.lines.push(`${seconds}  ${who.padEnd(7)}  ${text()}`);
  }
}
