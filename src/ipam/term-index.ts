// Finds things by a term under which they are filed. Most terms have one thing only, which then costs no set.

const NOTHING: readonly never[] = [];

export class TermIndex<T extends object> {
  readonly #byTerm = new Map<string, T | Set<T>>();

  add(term: string, item: T): void {
    const present = this.#byTerm.get(term);
    if (present === undefined) this.#byTerm.set(term, item);
    else if (present instanceof Set) present.add(item);
    else if (present !== item) this.#byTerm.set(term, new Set([present, item]));
  }

  remove(term: string, item: T): void {
    const present = this.#byTerm.get(term);
    if (present === item) this.#byTerm.delete(term);
    else if (present instanceof Set && present.delete(item) && present.size === 0) this.#byTerm.delete(term);
  }

  of(term: string): readonly T[] | ReadonlySet<T> {
    const present = this.#byTerm.size === 0 ? undefined : this.#byTerm.get(term);
    if (present === undefined) return NOTHING;
    return present instanceof Set ? present : [present];
  }
}
