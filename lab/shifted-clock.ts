// Preloaded into a program of the lab (`node --import`): its wall clock is off by what a file says at that moment, as a
// clock that was stepped is. The monotonic clocks and timers stay true, as they do then.

import { readFileSync } from 'node:fs';
import koffi from 'koffi';

const { FAIRLEAD_LAB_CLOCK: file = '' } = process.env;
const CLOCK_REALTIME = 0;

/** In seconds. */
const shift = (): number => Number(readFileSync(file, 'latin1'));

const TrueDate = Date;

globalThis.Date = class extends TrueDate {
  constructor(...args: readonly unknown[]) {
    super(...((args.length === 0 ? [TrueDate.now() + shift() * 1000] : args) as [number]));
  }

  static override now(): number {
    return TrueDate.now() + shift() * 1000;
  }
} as DateConstructor;

type ClockGettime = (clock: number, into: Uint32Array) => number;

/** The programs read the clock through the C library; koffi's exports are one object, whoever imports them. */
const { load } = koffi;
koffi.load = (path) => {
  const library = load(path);
  const bind = library.func.bind(library) as (definition: string) => unknown;
  const func = (definition: string): unknown => {
    const call = bind(definition);
    return definition.includes('clock_gettime') ? shifted(call as ClockGettime) : call;
  };
  // All that the programs ask of it.
  return { func } as unknown as ReturnType<typeof load>;
};

/** struct timespec begins with the seconds: 64 bits, of which the low half is enough until 2106. */
const shifted =
  (call: ClockGettime): ClockGettime =>
  (clock, into) => {
    const result = call(clock, into);
    if (clock === CLOCK_REALTIME) into[0] = (into[0] ?? 0) + shift();
    return result;
  };
