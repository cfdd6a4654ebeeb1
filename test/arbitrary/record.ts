// Arbitrary objects as our decoders make them: with Object's prototype, so that they compare as equal.

import fc from 'fast-check';

export const record = <T>(fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> =>
  fc.record<T>(fields, { noNullPrototype: true });
