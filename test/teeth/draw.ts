// Draws edits by a seed. Each edit has its own lot, from the seed and its text, so that what is drawn of one place does not
// change when the source changes at another one.

import { fnv1a64 } from '../../src/protocol/heartbeat/peer-claim.ts';
import { type Edit, nameOf } from './edit.ts';

const encoder = new TextEncoder();

/** FNV-1a's high bits hardly differ for texts that differ at their end only: multiplied once more they do. */
function lotOf(seed: number, edit: Edit): bigint {
  const hash = fnv1a64(encoder.encode(`${seed} ${nameOf(edit)}`));
  return BigInt.asUintN(64, (hash ^ (hash >> 32n)) * 0xbf58_476d_1ce4_e5b9n);
}

/**
 * The `count` edits with the lowest lots, but no more of one file or one operator than twice its even share. Of edits that
 * read the same the first one is drawn. Throws RangeError if there are fewer.
 */
export function drawEdits(edits: readonly Edit[], seed: number, count: number): readonly Edit[] {
  const share = (kinds: number): number => Math.ceil((2 * count) / kinds);
  const perFile = share(new Set(edits.map(({ file }) => file)).size);
  const perOperator = share(new Set(edits.map(({ operator }) => operator)).size);
  const byLot = edits
    .map((edit) => ({ edit, lot: lotOf(seed, edit) }))
    .sort((a, b) => (a.lot < b.lot ? -1 : a.lot > b.lot ? 1 : a.edit.start - b.edit.start));
  const drawn = new Map<string, Edit>();
  const taken = new Map<string, number>();
  for (const { edit } of byLot) {
    if (drawn.size === count) break;
    const [ofFile, ofOperator] = [taken.get(edit.file) ?? 0, taken.get(edit.operator) ?? 0];
    if (drawn.has(nameOf(edit)) || ofFile >= perFile || ofOperator >= perOperator) continue;
    drawn.set(nameOf(edit), edit);
    taken.set(edit.file, ofFile + 1).set(edit.operator, ofOperator + 1);
  }
  if (drawn.size < count) throw new RangeError(`draw ${count} edits: there are ${drawn.size}`);
  return [...drawn.values()];
}
