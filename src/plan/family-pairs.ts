// Which IPv4 and which IPv6 address of a Service belong together, so that one node holds both.

import type { Family } from '../net/address.ts';

export interface PairMember {
  readonly name: string;
  readonly family: Family;
  /** '' for one that is only about to be created. */
  readonly createdAt: string;
  readonly candidates: readonly string[];
}

/** The name of the one of the other family, among all addresses of the Service, that belongs to this one. */
export function companionOf(name: string, members: readonly PairMember[]): string | undefined {
  const pair = pairs(members).find(({ v4, v6 }) => v4.name === name || v6.name === name);
  return pair?.v4.name === name ? pair.v6.name : pair?.v4.name;
}

interface Pair {
  readonly v4: PairMember;
  readonly v6: PairMember;
}

/** Those with the same first candidate belong together already; the others in order of creation. */
function pairs(members: readonly PairMember[]): readonly Pair[] {
  const rest = inOrder(members.filter(({ family }) => family === 'IPv4'));
  const paired: Pair[] = [];
  const single: PairMember[] = [];
  for (const v6 of inOrder(members.filter(({ family }) => family === 'IPv6'))) {
    const [first] = v6.candidates;
    const at = rest.findIndex(({ candidates }) => first !== undefined && candidates[0] === first);
    const v4 = at < 0 ? undefined : rest.splice(at, 1)[0];
    if (v4 === undefined) single.push(v6);
    else paired.push({ v4, v6 });
  }
  for (const v6 of single) {
    const v4 = rest.shift();
    if (v4 !== undefined) paired.push({ v4, v6 });
  }
  return paired;
}

/** What is about to be created comes last. */
function inOrder(members: readonly PairMember[]): PairMember[] {
  const rank = ({ createdAt, name }: PairMember): string => `${createdAt || '~'} ${name}`;
  return [...members].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
