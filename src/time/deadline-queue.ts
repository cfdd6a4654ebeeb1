// A queue of keys ordered by deadline, for machines that keep many timers: an indexed binary heap, so that setting,
// moving and removing one of n deadlines costs log n and the next one is known at once.

import { hasPassed, type Instant } from './instant.ts';

interface Item<Key> {
  readonly key: Key;
  readonly due: Instant;
  /** Order of setting; breaks ties, so that equal deadlines leave first in, first out. */
  readonly order: number;
}

const isBefore = (a: Item<unknown>, b: Item<unknown>): boolean =>
  a.due < b.due || (a.due === b.due && a.order < b.order);

/** At most one deadline per key. */
export class DeadlineQueue<Key> {
  readonly #heap: Item<Key>[] = [];
  readonly #index = new Map<Key, number>();
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline and its key. */
  first(): { readonly key: Key; readonly due: Instant } | undefined {
    return this.#heap[0];
  }

  /** The keys whose deadlines `now` has reached, the earliest first. Costs what they are, not what else is waiting. */
  due(now: Instant): readonly Key[] {
    const items: Item<Key>[] = [];
    const positions = [0];
    for (let position = positions.pop(); position !== undefined; position = positions.pop()) {
      const item = this.#heap[position];
      // Whatever is below one that is not due is later still.
      if (item === undefined || !hasPassed(item.due, now)) continue;
      items.push(item);
      positions.push(2 * position + 1, 2 * position + 2);
    }
    return items.sort((a, b) => (isBefore(a, b) ? -1 : 1)).map(({ key }) => key);
  }

  /** Sets or moves the deadline of `key`. */
  set(key: Key, due: Instant): void {
    this.delete(key);
    const item = { key, due, order: this.#order++ };
    this.#heap.push(item);
    this.#rise(this.#heap.length - 1, item);
  }

  delete(key: Key): void {
    const hole = this.#index.get(key);
    if (hole === undefined) return;
    this.#index.delete(key);
    const last = this.#heap.pop();
    if (last === undefined || last.key === key) return;
    this.#rise(hole, last);
    this.#sink(this.#index.get(last.key) ?? hole, last);
  }

  #place(position: number, item: Item<Key>): void {
    this.#heap[position] = item;
    this.#index.set(item.key, position);
  }

  #rise(from: number, item: Item<Key>): void {
    let position = from;
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = this.#heap[parentPosition];
      if (parent === undefined || !isBefore(item, parent)) break;
      this.#place(position, parent);
      position = parentPosition;
    }
    this.#place(position, item);
  }

  #sink(from: number, item: Item<Key>): void {
    let position = from;
    for (;;) {
      const childPosition = this.#earlierChild(position);
      const child = this.#heap[childPosition];
      if (child === undefined || !isBefore(child, item)) break;
      this.#place(position, child);
      position = childPosition;
    }
    this.#place(position, item);
  }

  #earlierChild(position: number): number {
    const left = this.#heap[2 * position + 1];
    const right = this.#heap[2 * position + 2];
    return left !== undefined && right !== undefined && isBefore(right, left)
      ? 2 * position + 2
      : 2 * position + 1;
  }
}
