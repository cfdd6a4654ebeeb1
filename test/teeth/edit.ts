// One wrong edit of a source file: what a careless hand could do to it. The file itself is never touched; the edited text
// is loaded in its place.

import type { SourceFile } from '../architecture/source-file.ts';

export type Operator = 'by hand' | 'comparison' | 'constant' | 'branch';

/** Replaces the text from `start` to `end` of a file, offsets in UTF-16 units as JavaScript counts them. */
export interface Edit {
  readonly operator: Operator;
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** 1-based. */
  readonly line: number;
  /** The lines that it touches as they are and as they become, with single spaces. */
  readonly before: string;
  readonly after: string;
}

/** What names an edit wherever its lines stand in the file: for draws, and for lists of known edits. */
export type EditName = Pick<Edit, 'file' | 'before' | 'after'>;

export const isSameEdit = (a: EditName, b: EditName): boolean =>
  a.file === b.file && a.before === b.before && a.after === b.after;

export const nameOf = ({ file, before, after }: EditName): string => `${file}: ${before} -> ${after}`;

/** For people: where it is, and what becomes of it. */
export const describeEdit = ({ file, line, before, after }: Edit): string =>
  `${file}:${line}: ${shorten(before)}  ->  ${shorten(after)}`;

export const applyEdit = (text: string, { start, end, replacement }: TextChange): string =>
  text.slice(0, start) + replacement + text.slice(end);

export type TextChange = Pick<Edit, 'start' | 'end' | 'replacement'>;

export function makeEdit(file: SourceFile, operator: Operator, change: TextChange): Edit {
  const { path, text } = file;
  const { start, end, replacement } = change;
  const from = text.lastIndexOf('\n', start - 1) + 1;
  const to = text.indexOf('\n', end) < 0 ? text.length : text.indexOf('\n', end);
  const before = oneLine(text.slice(from, to));
  const after = oneLine(text.slice(from, start) + replacement + text.slice(end, to)) || 'nothing';
  return { operator, file: path, start, end, replacement, line: file.lineOf(start), before, after };
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

const LONGEST = 140;

const shorten = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text);
