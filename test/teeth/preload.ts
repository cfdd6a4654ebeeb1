// Loaded before anything else in a process that runs edited source (node --import): puts the edited text of one module in
// the place of its file.

import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { applyEdit, type TextChange } from './edit.ts';

/** The edit as JSON; the only way to hand something to a module that node loads by itself. */
export const VARIABLE = 'FAIRLEAD_TEETH';

export interface Planted extends TextChange {
  /** Of the module. */
  readonly url: string;
}

const text = process.env[VARIABLE];
if (text !== undefined) plant(JSON.parse(text) as Planted);

function plant({ url: target, ...change }: Planted): void {
  registerHooks({
    load: (url, context, nextLoad) => {
      if (url !== target) return nextLoad(url, context);
      const source = applyEdit(readFileSync(fileURLToPath(url), 'utf8'), change);
      return { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}
