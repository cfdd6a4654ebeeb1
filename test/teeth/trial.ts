// Tries an edit: does the simulation see that the source is wrong? First the random schedules, then the rules that never
// took effect in them, then the committed scenes. What passes all of these survives; for it the unit tests are run too.

import type { Edit } from './edit.ts';
import { type Outcome, runEdited } from './edited-process.ts';
import type { Line } from './schedules-process.ts';

export type Verdict =
  /** Of the simulation, with what it saw first. */
  | { readonly kind: 'caught'; readonly by: 'schedule' | 'rules' | 'scene'; readonly what: string }
  /** By the unit tests of src/election only. */
  | { readonly kind: 'unit-tested'; readonly what: string }
  | { readonly kind: 'survives' };

export interface Trial {
  readonly edit: Edit;
  readonly verdict: Verdict;
}

interface TrialOptions {
  readonly schedules: number;
  /** How often each fault and rule took effect in these schedules with the source as it is. */
  readonly usual: Counts;
}

type Counts = Readonly<Record<string, number>>;

const SCHEDULES = 'test/teeth/schedules-process.ts';
const SCENES = ['scenes', 'findings', 'survivors'].map((name) => `test/scenario/${name}.test.ts`);
const UNIT_TESTS = 'src/election/*.test.ts';
const TEST_OPTIONS = ['--test', '--test-isolation=none', '--test-reporter=tap'];

/** What takes effect less often may fail to by chance: any edit changes the course of all schedules. */
const OFTEN = 20;

/** Tries all of them on several processes at a time; the trials come in the order of the edits. */
export async function tryAll(
  edits: readonly Edit[],
  { schedules, workers }: { readonly schedules: number; readonly workers: number },
  onDone: (trial: Trial) => void = () => {},
): Promise<readonly Trial[]> {
  const usual = await usualCounts(schedules);
  const trials: Trial[] = [];
  const waiting = edits.entries();
  const work = async (): Promise<void> => {
    for (const [index, edit] of waiting) {
      const trial = { edit, verdict: await tryEdit(edit, { schedules, usual }) };
      trials[index] = trial;
      onDone(trial);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return trials;
}

/** The counts of schedules of the source as it is. Throws if one of them is a violation. */
async function usualCounts(schedules: number): Promise<Counts> {
  const outcome = await runEdited(undefined, [SCHEDULES, String(schedules)]);
  const last = lastLine(outcome);
  if (last?.kind === 'counts') return last.counts;
  throw new Error(
    `run ${schedules} schedules of the source as it is: ${problemOf(outcome)}, want no violation`,
  );
}

async function tryEdit(edit: Edit, { schedules, usual }: TrialOptions): Promise<Verdict> {
  const outcome = await runEdited(edit, [SCHEDULES, String(schedules)]);
  const last = lastLine(outcome);
  if (last?.kind !== 'counts') return { kind: 'caught', by: 'schedule', what: problemOf(outcome) };
  const [never] = Object.entries(usual).filter(([what, times]) => times >= OFTEN && !last.counts[what]);
  if (never !== undefined)
    return { kind: 'caught', by: 'rules', what: `never ${never[0]}, else ${never[1]} times` };
  const scenes = await runEdited(edit, [...TEST_OPTIONS, ...SCENES]);
  if (!scenes.hasSucceeded) return { kind: 'caught', by: 'scene', what: failedTest(scenes) };
  const units = await runEdited(edit, [...TEST_OPTIONS, UNIT_TESTS]);
  return units.hasSucceeded ? { kind: 'survives' } : { kind: 'unit-tested', what: failedTest(units) };
}

function lastLine({ lines, hasSucceeded }: Outcome): Line | undefined {
  const last = lines.at(-1);
  return last === undefined || !hasSucceeded ? undefined : (JSON.parse(last) as Line);
}

function problemOf(outcome: Outcome): string {
  const last = lastLine(outcome);
  if (last?.kind === 'violation') return `seed ${last.seed}: ${last.text.split('\n')[0]}`;
  const seed = outcome.lines.length + 1;
  return outcome.isStill ? `seed ${seed} does not end` : `seed ${seed}: ${outcome.error.trim()}`;
}

const failedTest = ({ lines, isStill, error }: Outcome): string =>
  isStill ? 'a test does not end' : (lines.find((line) => line.startsWith('not ok'))?.trim() ?? error);
