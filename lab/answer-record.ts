// Who answered ARP for one address over time: questions in the order in which they were asked, each with all hardware
// addresses that answered it. Pure, so that what it judges can be tested by hand.

import { type Duration, milliseconds } from '../src/time/duration.ts';

/** A time during which every question had the same answers. */
export interface Stretch {
  readonly from: Duration;
  readonly to: Duration;
  /** Sorted; empty = nobody answered. */
  readonly macs: readonly string[];
}

export interface Verdict {
  /** Milliseconds in which nobody answered. */
  readonly nobody: Duration;
  /** The longest of them in one piece. */
  readonly longestNobody: Duration;
  /** Milliseconds in which more than one answered. */
  readonly several: Duration;
  readonly stretches: readonly Stretch[];
}

interface Question {
  readonly at: Duration;
  readonly macs: Set<string>;
}

export class AnswerRecord {
  readonly #questions: Question[] = [];

  /** Notes a question; returns its number. */
  asked(at: Duration): number {
    return this.#questions.push({ at, macs: new Set() }) - 1;
  }

  answered(question: number, mac: string): void {
    this.#questions[question]?.macs.add(mac);
  }

  /** Those who answered the last `count` questions before `until`, each set of answerers once, as text. */
  lastAnswers(count: number, until: Duration): readonly (readonly string[])[] {
    const before = this.#questions.filter(({ at }) => at < until).slice(-count);
    const sets = new Map(before.map(({ macs }) => [keyOf(macs), sorted(macs)]));
    return before.length < count ? [] : Array.from(sets.values());
  }

  /** Judges the questions from `from` until before `to`; each stands for the time until the next one. */
  judge(from: Duration, to: Duration): Verdict {
    const stretches = this.#stretches(from, to);
    const empty = stretches.filter(({ macs }) => macs.length === 0).map(lengthOf);
    return {
      nobody: sum(empty),
      longestNobody: milliseconds(Math.max(0, ...empty)),
      several: sum(stretches.filter(({ macs }) => macs.length > 1).map(lengthOf)),
      stretches,
    };
  }

  #stretches(from: Duration, to: Duration): readonly Stretch[] {
    const asked = this.#questions.filter(({ at }) => at >= from && at < to);
    const stretches: Stretch[] = [];
    asked.forEach(({ at, macs }, index) => {
      const end = asked[index + 1]?.at ?? to;
      const last = stretches.at(-1);
      if (last !== undefined && last.macs.join() === keyOf(macs))
        stretches[stretches.length - 1] = { ...last, to: end };
      else stretches.push({ from: at, to: end, macs: sorted(macs) });
    });
    return stretches;
  }
}

const sorted = (macs: ReadonlySet<string>): readonly string[] => [...macs].sort();
const keyOf = (macs: ReadonlySet<string>): string => sorted(macs).join();
const lengthOf = ({ from, to }: Stretch): number => to - from;
const sum = (values: readonly number[]): Duration =>
  milliseconds(values.reduce((total, value) => total + value, 0));

/** `node1 120 ms, nobody 15 ms, node2 400 ms`, with times from `since`. */
export const describeStretches = (stretches: readonly Stretch[], nameOf: (mac: string) => string): string =>
  stretches
    .map((stretch) => {
      const who = stretch.macs.length === 0 ? 'nobody' : stretch.macs.map(nameOf).join(' and ');
      return `${who} ${lengthOf(stretch).toFixed(0)} ms`;
    })
    .join(', ');
