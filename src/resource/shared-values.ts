// One of equal values instead of many: thousands of VirtualIPs name the same candidates, and each would keep a list of
// its own with texts of its own.

/** Beyond this nothing repeats itself enough to be worth a text that it is found by. */
const LIMIT = 1024;

export class SharedValues {
  readonly #limit: number;
  /** By its JSON. */
  #values = new Map<string, unknown>();

  constructor(limit = LIMIT) {
    this.#limit = limit;
  }

  /** The first value that was equal to this one: text, or what JSON can say, which nobody changes any more. */
  share<T>(value: T): T {
    return this.made(value, () => value);
  }

  /** What was first made of a source that was equal to this one; all calls of an instance make the same kind of value. */
  made<T>(source: unknown, make: () => T): T {
    const json = JSON.stringify(source);
    const known = this.#values.get(json);
    if (known !== undefined) return known as T;
    // What is still in use is simply shared anew from here on.
    if (this.#values.size >= this.#limit) this.#values = new Map();
    const value = make();
    this.#values.set(json, value);
    return value;
  }
}
