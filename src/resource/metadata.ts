// The metadata that all of our kinds share, as the parsers read it.

import { integer, listOf, name, objectOf, optional, type ReadBy, text, withDefault } from './reader.ts';

export const readMetadata = objectOf({
  name,
  uid: name,
  resourceVersion: withDefault(text, ''),
  generation: withDefault(integer(0), 0),
  creationTimestamp: withDefault(text, ''),
  deletionTimestamp: optional(text),
  finalizers: withDefault(listOf(text), []),
});

export type Metadata = ReadBy<typeof readMetadata>;
