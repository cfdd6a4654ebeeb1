// What happens when, in virtual time: a binary heap of tasks. Tasks of one instant run in the order in which they were
// entered, so that a seed repeats itself.

interface Item {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
}

const isBefore = (a: Item, b: Item): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class Agenda {
  readonly #heap: Item[] = [];
  #order = 0;
  /** Milliseconds since the beginning. */
  now = 0;

  /** Runs `task` at an instant that is not in the past. */
  at(at: number, task: () => void): void {
    const item = { at, order: this.#order++, task };
    let position = this.#heap.length;
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = this.#heap[parentPosition];
      if (parent === undefined || !isBefore(item, parent)) break;
      this.#heap[position] = parent;
      position = parentPosition;
    }
    this.#heap[position] = item;
  }

  after(delay: number, task: () => void): void {
    this.at(this.now + delay, task);
  }

  /** Runs everything up to `end`. */
  run(end: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= end; first = this.#heap[0]) {
      this.#removeFirst();
      this.now = first.at;
      first.task();
    }
    this.now = end;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    const { length } = this.#heap;
    if (last === undefined || length === 0) return;
    let position = 0;
    for (;;) {
      let child = 2 * position + 1;
      const [left, right] = [this.#heap[child], this.#heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child++;
      const smaller = child === 2 * position + 1 ? left : right;
      if (smaller === undefined || !isBefore(smaller, last)) break;
      this.#heap[position] = smaller;
      position = child;
    }
    this.#heap[position] = last;
  }
}
