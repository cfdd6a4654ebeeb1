// Wrong edits of src/election that a hand could make, each against one rule. The simulation has to catch every one.

import type { SourceFile } from '../architecture/source-file.ts';
import { type Edit, makeEdit } from './edit.ts';

interface HandMade {
  /** What the rule becomes. */
  readonly says: string;
  readonly file: string;
  /** Stands in the file once. */
  readonly snippet: string;
  readonly replacement: string;
}

const HAND_MADE: readonly HandMade[] = [
  {
    says: 'two that claim one address both keep it',
    file: 'src/election/contest.ts',
    snippet: "if (beats(uid, theirs, mine)) return { kind: 'Yield' };",
    replacement: '',
  },
  {
    says: 'a claim made alone beats one that was not',
    file: 'src/election/claim-order.ts',
    snippet: 'return b.isAlone;',
    replacement: 'return a.isAlone;',
  },
  {
    says: 'a claim that the API does not have beats one that it has',
    file: 'src/election/claim-order.ts',
    snippet: 'return a.isRecorded;',
    replacement: 'return b.isRecorded;',
  },
  {
    says: 'who takes an address over does not raise its epoch',
    file: 'src/election/transitions.ts',
    snippet: "tenure.state === 'Asking' ? tenure.epoch : ++entry.highest",
    replacement: "tenure.state === 'Asking' ? tenure.epoch : entry.highest",
  },
  {
    says: 'a peer that others still hear is dead',
    file: 'src/election/membership.ts',
    snippet: "if (heardUntil !== undefined) return { state: 'PathLost', until: heardUntil };",
    replacement: '',
  },
  {
    says: 'who was stopped takes the silence of that time for the death of all others',
    file: 'src/election/membership.ts',
    snippet: "case 'gap':\n        return this.#excuse(now);",
    replacement: "case 'gap':\n        return this.#review(now);",
  },
  {
    says: 'who was stopped is sure of what it holds',
    file: 'src/election/election.ts',
    snippet: 'return this.held.doubt();',
    replacement: 'return;',
  },
  {
    says: 'a node whose heartbeats reach nobody takes addresses',
    file: 'src/election/election.ts',
    snippet: 'return !segment.isMute && (wanted.isLastResort',
    replacement: 'return (wanted.isLastResort',
  },
  {
    says: 'a node that hears nobody does not ask the wire',
    file: 'src/election/election.ts',
    snippet: 'if (segment.isAlone && isOthers) this.#steps.beginToProbe(entry, now);\n    else ',
    replacement: '',
  },
  {
    says: 'a node that is cut off from the gateway too has itself recorded',
    file: 'src/election/election.ts',
    snippet: "if (address === 'Silent' && gateway === 'Answered')",
    replacement: "if (address === 'Silent')",
  },
  {
    says: 'nobody follows a holder whose main thread hangs',
    file: 'src/election/occupancy.ts',
    snippet: 'isHung || isUnable || isDeaf;',
    replacement: 'isUnable || isDeaf;',
  },
  {
    says: 'a node that starts does not listen first',
    file: 'src/election/election.ts',
    snippet: 'if (!this.#hasListened(entry, view)) return;',
    replacement: '',
  },
  {
    says: 'who leaves offers its addresses to nobody',
    file: 'src/election/occupancy.ts',
    snippet: 'return wanted.candidates.filter((node) => node !== options.me && isReady(node));',
    replacement: 'return wanted.candidates.filter((node) => node === options.me && isReady(node));',
  },
  {
    says: 'all candidates claim at once',
    file: 'src/election/occupancy.ts',
    snippet: 'const before = wanted.candidates.slice(0, rank).filter',
    replacement: 'const before = wanted.candidates.slice(0, 0).filter',
  },
];

/** Throws if a snippet does not stand in its file exactly once. */
export const handMadeEdits = (
  sources: readonly SourceFile[],
): readonly (HandMade & { readonly edit: Edit })[] =>
  HAND_MADE.map((each) => ({ ...each, edit: editOf(sources, each) }));

function editOf(sources: readonly SourceFile[], { says, file: path, snippet, replacement }: HandMade): Edit {
  const file = sources.find((source) => source.path === path);
  const times = (file?.text.split(snippet).length ?? 1) - 1;
  if (file === undefined || times !== 1) {
    const where = `snippet of "${says}" in ${path}: stands there ${times} times, want once`;
    throw new Error(`${where}; write down in test/teeth/by-hand.ts how that rule reads now\n${snippet}`);
  }
  const start = file.text.indexOf(snippet);
  return makeEdit(file, 'by hand', { start, end: start + snippet.length, replacement });
}
