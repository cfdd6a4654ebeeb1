// Random numbers that a seed repeats, for tests that print theirs.

/** At least 0, below 1: a linear congruential generator modulo 2^31 (the constants of ANSI C's example), high bits only. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff;
    return state >>> 15;
  };
  return () => (next() * 2 ** 16 + next()) / 2 ** 32;
}
