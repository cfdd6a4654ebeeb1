// What a rule is: a program that reads a tree of sources and names each place that breaks it.

import type { SourceFile } from './source-file.ts';
import type { SourceTree } from './source-tree.ts';

export interface Violation {
  readonly rule: string;
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** A rule's finding, before the rule's name is put to it. */
export type Finding = Omit<Violation, 'rule'>;

export interface Rule {
  /** Also the name of the folder of its fixtures. */
  readonly name: string;
  readonly says: string;
  find(tree: SourceTree): readonly Finding[];
}

export function check(rule: Rule, tree: SourceTree): readonly Violation[] {
  return rule.find(tree).map((finding) => ({ ...finding, rule: rule.name }));
}

/** A rule that looks at one file at a time. */
export function perFile(
  tree: SourceTree,
  find: (file: SourceFile) => readonly Finding[],
): readonly Finding[] {
  return tree.files.flatMap(find);
}

export const formatViolation = ({ file, line, rule, message }: Violation): string =>
  `${file}:${line} ${rule}: ${message}`;

export const isTestFile = (path: string): boolean => path.endsWith('.test.ts');
