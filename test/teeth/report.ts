// What a trial means: nothing to do, or what whoever changed the source has to do now.

import { describeEdit, type Edit, nameOf } from './edit.ts';
import { EQUIVALENT, isListed, type KnownEdit, OUT_OF_REACH } from './known.ts';
import type { Trial, Verdict } from './trial.ts';

const LISTS = 'EQUIVALENT or OUT_OF_REACH in test/teeth/known.ts';

/** Undefined if all is well. */
export function problemOf({ edit, verdict }: Trial): string | undefined {
  const what = toDo(edit, verdict);
  return what === undefined ? undefined : `${describeEdit(edit)}\n    ${what}`;
}

function toDo(edit: Edit, verdict: Verdict): string | undefined {
  const [isEquivalent, isOutOfReach] = [isListed(EQUIVALENT, edit), isListed(OUT_OF_REACH, edit)];
  switch (verdict.kind) {
    case 'caught':
      if (!isEquivalent && !isOutOfReach) return undefined;
      return `is caught (${verdict.what}): take it out of ${LISTS}`;
    case 'unit-tested':
      if (isOutOfReach) return undefined;
      return `only a unit test catches it (${verdict.what}): add a fault or a scene in test/scenario that does, or list it in OUT_OF_REACH in test/teeth/known.ts and say why none can`;
    case 'survives':
      if (isEquivalent) return undefined;
      return 'nothing catches it: make test/scenario catch it, or simplify the source if it does not need this, or list it in EQUIVALENT in test/teeth/known.ts and say why it changes nothing';
  }
}

/** Entries of the lists that are no edit of the source any more. */
export function staleEntries(edits: readonly Edit[]): readonly KnownEdit[] {
  const names = new Set(edits.map(nameOf));
  return [...EQUIVALENT, ...OUT_OF_REACH].filter((known) => !names.has(nameOf(known)));
}

export function formatTrial({ edit, verdict }: Trial): string {
  const how = verdict.kind === 'caught' ? `caught by ${verdict.by}` : verdict.kind;
  const what = verdict.kind === 'survives' ? '' : `: ${verdict.what}`;
  const isKnown = isListed(EQUIVALENT, edit)
    ? ', equivalent'
    : isListed(OUT_OF_REACH, edit)
      ? ', out of reach'
      : '';
  return `${edit.operator}  ${describeEdit(edit)}\n    ${how}${isKnown}${what}`;
}
