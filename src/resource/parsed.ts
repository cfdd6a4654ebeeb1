// What reading an object of ours from the API gives: the value, or every problem found in it at once, so that a
// user sees the whole list instead of one problem per attempt.

export interface Problem {
  /** Path inside the object, like `spec.addresses[0]`. */
  readonly field: string;
  /** What stands there; undefined if nothing does. */
  readonly value: unknown;
  /** What would be right, so that "want …" reads well. */
  readonly wanted: string;
}

export type Parsed<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/** Longest part of a refused value that a message repeats. */
const QUOTED_LENGTH = 100;

/** One line: `spec.addresses[1] "10.0.0.9-10.0.0.1": want first <= last; …`. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ field, value, wanted }) => `${field} ${quoted(value)}: want ${wanted}`).join('; ');
}

function quoted(value: unknown): string {
  const text = value === undefined ? '(absent)' : (JSON.stringify(value) ?? String(value));
  return text.length <= QUOTED_LENGTH ? text : `${text.slice(0, QUOTED_LENGTH)}…`;
}
