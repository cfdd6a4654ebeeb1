// metav1.LabelSelector as our kinds carry it.

import { listOf, mapOf, name, objectOf, oneOf, type ReadBy, text, withDefault } from './reader.ts';

const readRequirement = objectOf({
  key: name,
  operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'),
  values: withDefault(listOf(text), []),
});

export const readLabelSelector = objectOf({
  matchLabels: withDefault(mapOf(text), {}),
  matchExpressions: withDefault(listOf(readRequirement), []),
});

export type LabelSelector = ReadBy<typeof readLabelSelector>;
