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
  /** Sorted. */
  macs: readonly string[];
}

const NOBODY: readonly string[] = [];

export class AnswerRecord {
  /** In the order of their times. */
  readonly #questions: Question[] = [];
  /** Those that were seen, so that long records share them. */
  readonly #answers = new Map<string, readonly string[]>();

  /** Notes a question; returns its number. */
  asked(at: Duration): number {
    return this.#questions.push({ at, macs: NOBODY }) - 1;
  }

  answered(question: number, mac: string): void {
    const asked = this.#questions[question];
    if (asked === undefined || asked.macs.includes(mac)) return;
    const macs = [...asked.macs, mac].sort();
    const known = this.#answers.get(macs.join()) ?? macs;
    this.#answers.set(macs.join(), known);
    asked.macs = known;
  }

  /** Who answered the last `count` questions before `until`, each different answer once; none if there are fewer. */
  lastAnswers(count: number, until: Duration): readonly (readonly string[])[] {
    const end = this.#firstFrom(until);
    return end < count ? [] : [...new Set(this.#questions.slice(end - count, end).map(({ macs }) => macs))];
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
    const asked = this.#questions.slice(this.#firstFrom(from), this.#firstFrom(to));
    const stretches: Stretch[] = [];
    asked.forEach(({ at, macs }, index) => {
      const end = asked[index + 1]?.at ?? to;
      const last = stretches.at(-1);
      if (last?.macs === macs) stretches[stretches.length - 1] = { ...last, to: end };
      else stretches.push({ from: at, to: end, macs });
    });
    return stretches;
  }

  /** The number of the first question that was not before `at`. */
  #firstFrom(at: Duration): number {
    let [low, high] = [0, this.#questions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#questions[middle]?.at ?? at) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const lengthOf = ({ from, to }: Stretch): number => to - from;
const sum = (values: readonly number[]): Duration =>
  milliseconds(values.reduce((total, value) => total + value, 0));

/** On a line that frames are lost on, every lost one is two stretches. */
const TOLD = 20;

/** `node1 120 ms, nobody 15 ms, node2 400 ms`, the first ones of many. */
export function describeStretches(stretches: readonly Stretch[], nameOf: (mac: string) => string): string {
  const told = stretches.slice(0, TOLD).map((stretch) => {
    const who = stretch.macs.length === 0 ? 'nobody' : stretch.macs.map(nameOf).join(' and ');
    return `${who} ${lengthOf(stretch).toFixed(0)} ms`;
  });
  const more = stretches.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}
