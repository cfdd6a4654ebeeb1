// Small readers from which the parsers of our kinds are put together: each takes an unknown value and where it
// stands, and gives the value or all problems below it. Nothing here throws.

import type { Parsed, Problem } from './parsed.ts';

export type Reader<T> = (value: unknown, field: string) => Parsed<T>;

/** The type that a reader reads. */
export type ReadBy<R> = R extends Reader<infer T> ? T : never;

const found = <T>(value: T): Parsed<T> => ({ kind: 'value', value });
const refused = (field: string, value: unknown, wanted: string): Parsed<never> => ({
  kind: 'problems',
  problems: [{ field, value, wanted }],
});

export const text: Reader<string> = (value, field) =>
  typeof value === 'string' ? found(value) : refused(field, value, 'text');

/** Text that is not empty. */
export const name: Reader<string> = (value, field) =>
  typeof value === 'string' && value !== '' ? found(value) : refused(field, value, 'a name');

export const flag: Reader<boolean> = (value, field) =>
  typeof value === 'boolean' ? found(value) : refused(field, value, 'true or false');

export function integer(lowest: number, highest: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value, field) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= lowest && value <= highest
      ? found(value)
      : refused(field, value, `a whole number from ${lowest} to ${highest}`);
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  return (value, field) => {
    const match = allowed.find((one) => one === value);
    return match === undefined ? refused(field, value, allowed.join(' or ')) : found(match);
  };
}

/** Reads text and turns it into something else; `convert` gives undefined for text that does not fit. */
export function converted<T>(wanted: string, convert: (text: string) => T | undefined): Reader<T> {
  return (value, field) => {
    const result = typeof value === 'string' ? convert(value) : undefined;
    return result === undefined ? refused(field, value, wanted) : found(result);
  };
}

export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value, field) => (value === undefined || value === null ? found(undefined) : reader(value, field));
}

export function withDefault<T>(reader: Reader<T>, fallback: T): Reader<T> {
  return (value, field) => (value === undefined || value === null ? found(fallback) : reader(value, field));
}

export function listOf<T>(item: Reader<T>): Reader<readonly T[]> {
  return (value, field) => {
    if (!Array.isArray(value)) return refused(field, value, 'a list');
    const values: T[] = [];
    const problems: Problem[] = [];
    value.forEach((element: unknown, index) => {
      const parsed = item(element, `${field}[${index}]`);
      if (parsed.kind === 'value') values.push(parsed.value);
      else problems.push(...parsed.problems);
    });
    // A copy has no room for more, which a list that grew has: some 140 bytes, in each of thousands of objects.
    return problems.length > 0 ? { kind: 'problems', problems } : found(values.slice());
  };
}

/** Reads an object whose keys are anybody's. */
export function mapOf<T>(item: Reader<T>): Reader<Readonly<Record<string, T>>> {
  return (value, field) => {
    if (!isRecord(value)) return refused(field, value, 'an object');
    const read = Object.entries(value).map(([key, each]) => [key, item(each, `${field}.${key}`)] as const);
    const problems = read.flatMap(([, parsed]) => (parsed.kind === 'problems' ? parsed.problems : []));
    if (problems.length > 0) return { kind: 'problems', problems };
    return found(
      Object.fromEntries(read.flatMap(([key, one]) => (one.kind === 'value' ? [[key, one.value]] : []))),
    );
  };
}

type Shape = Readonly<Record<string, Reader<unknown>>>;
type Read<S extends Shape> = { readonly [K in keyof S]: ReadBy<S[K]> };

/** Reads the fields named in `shape`; other fields are ignored (a newer version may have written them). */
export function objectOf<S extends Shape>(shape: S): Reader<Read<S>> {
  return (value, field) => {
    if (!isRecord(value)) return refused(field === '' ? 'object' : field, value, 'an object');
    const values: Record<string, unknown> = {};
    const problems: Problem[] = [];
    for (const [key, reader] of Object.entries(shape)) {
      const parsed = reader(value[key], field === '' ? key : `${field}.${key}`);
      if (parsed.kind === 'value') values[key] = parsed.value;
      else problems.push(...parsed.problems);
    }
    return problems.length > 0 ? { kind: 'problems', problems } : found(values as Read<S>);
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function mapParsed<T, U>(parsed: Parsed<T>, convert: (value: T) => U): Parsed<U> {
  return parsed.kind === 'value' ? found(convert(parsed.value)) : parsed;
}
