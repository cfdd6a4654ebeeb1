// Runs a TypeScript entry of ours in this process, or says in one line which Node it needs; without an argument it
// only checks. npm scripts find Node 24 first, in node_modules/.bin. Plain old syntax, so that an old Node reaches
// the message instead of a syntax error.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `Fairlead's scripts need Node >= 24, and this is ${process.version}; npm ci brings it on linux x64 and arm64`,
  );
  process.exit(1);
}

const entry = process.argv[2];
if (entry !== undefined) {
  const file = resolve(entry);
  // The entry sees its own arguments only, as if it had been started directly.
  process.argv.splice(1, 2, file);
  import(pathToFileURL(file).href);
}
