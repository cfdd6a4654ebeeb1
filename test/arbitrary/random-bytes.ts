// Random inputs by the hundred thousand, the same in each run: fast-check would take minutes to draw them.

/** 32-bit numbers of a linear congruential generator (Numerical Recipes), its state mixed because its low bits are poor. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 16), 0x45d9_f3b5);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

/** `count` inputs of 0 to `maxLength` bytes. The buffer of one is used again for the next: copy what has to last. */
export function* randomInputs(count: number, maxLength: number, seed: number): Generator<Uint8Array> {
  const next = randomNumbers(seed);
  const buffer = new Uint8Array(maxLength);
  for (let i = 0; i < count; i++) {
    const input = buffer.subarray(0, next() % (maxLength + 1));
    for (let at = 0; at < input.length; at++) input[at] = next();
    yield input;
  }
}

/** Each input behind `head`. */
export function* behind(head: Uint8Array, inputs: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const input of inputs) {
    const bytes = new Uint8Array(head.length + input.length);
    bytes.set(head);
    bytes.set(input, head.length);
    yield bytes;
  }
}
