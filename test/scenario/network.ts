// The virtual segment: who reaches whom, and what happens to a frame on its way. The default gateway is on it too, with
// all clients behind it.

import type { Random } from './random.ts';

/** What happens to frames while a fault lasts. */
export interface Weather {
  /** Probabilities that a frame is lost, of all that make it so. */
  losses: readonly number[];
  /** A frame is late by up to this many milliseconds, so later ones may overtake it. */
  jitter: number;
  /** Probability that a frame comes twice, the second time much later. */
  duplication: number;
}

/** From one computer to another on an idle switch, in milliseconds. */
const PASSAGE = 0.25;

/** A second copy is late by up to this. */
const LATEST_COPY = 12_000;

export class Network {
  readonly weather: Weather = { losses: [], jitter: 0, duplication: 0 };
  readonly #stations: number;
  readonly #random: Random;
  /** How many faults cut the way from one station to another, by `from * stations + to`. */
  readonly #cuts: number[];
  readonly #filters = new Set<number>();

  constructor(nodes: number, random: Random) {
    this.#stations = nodes + 1;
    this.#random = random;
    this.#cuts = new Array(this.#stations ** 2).fill(0);
  }

  get gateway(): number {
    return this.#stations - 1;
  }

  /** Cuts the way, or takes back one such cut. */
  cut(from: number, to: number, isCut = true): void {
    const way = from * this.#stations + to;
    this.#cuts[way] = (this.#cuts[way] ?? 0) + (isCut ? 1 : -1);
  }

  reaches(from: number, to: number): boolean {
    return this.#cuts[from * this.#stations + to] === 0;
  }

  areJoined(a: number, b: number): boolean {
    return this.reaches(a, b) && this.reaches(b, a);
  }

  /** Heartbeats are dropped on the way, and nothing else. */
  filter(from: number, to: number, isOn: boolean): void {
    const way = from * this.#stations + to;
    if (isOn) this.#filters.add(way);
    else this.#filters.delete(way);
  }

  /** Whether a heartbeat gets through. */
  passes(from: number, to: number): boolean {
    return this.reaches(from, to) && !this.#filters.has(from * this.#stations + to);
  }

  /** Frames take their time and nothing else happens to them. */
  get isFair(): boolean {
    const { losses, jitter, duplication } = this.weather;
    return losses.length === 0 && jitter === 0 && duplication === 0;
  }

  get passage(): number {
    return PASSAGE;
  }

  /** After how many milliseconds copies of a frame arrive; none = it is lost. */
  fate(): readonly number[] {
    const { losses, jitter, duplication } = this.weather;
    if (losses.some((loss) => this.#random.chance(loss))) return [];
    const first = PASSAGE + this.#random.between(0, jitter);
    if (!this.#random.chance(duplication)) return [first];
    return [first, first + this.#random.between(0, LATEST_COPY)];
  }
}
