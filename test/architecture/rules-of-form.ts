// How a file is named and how it opens.

import { posix } from 'node:path';
import { perFile, type Rule } from './rule.ts';

export const fileName: Rule = {
  name: 'file-name',
  says: 'a file is named in kebab-case after the noun inside',
  find: (tree) =>
    perFile(tree, ({ path }) => {
      const name = posix.basename(path);
      if (/^[a-z0-9]+(-[a-z0-9]+)*(\.property)?(\.test)?\.ts$/.test(name)) return [];
      // A script that runs before there is a Node that reads TypeScript.
      if (/^scripts\/[a-z0-9-]+\.mjs$/.test(path)) return [];
      return [{ file: path, line: 1, message: `${name}: want kebab-case and the ending .ts` }];
    }),
};

export const fileHeader: Rule = {
  name: 'file-header',
  says: 'a file opens with a comment that says what it is',
  find: (tree) =>
    perFile(tree, ({ path, text }) => {
      if (/^(#!.*\n)?\/[/*]/.test(text)) return [];
      return [
        { file: path, line: 1, message: 'no comment at the top: want one or two sentences on what this is' },
      ];
    }),
};
