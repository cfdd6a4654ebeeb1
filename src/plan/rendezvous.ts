// Rendezvous (highest random weight) hashing, Thaler and Ravishankar 1998: each key has an order of the nodes of its
// own, and a node that comes or goes changes nothing in the order of the others.

/** Highest score first. */
export function rendezvousOrder(key: string, names: readonly string[]): readonly string[] {
  const scored = names.map((name) => ({ name, score: hash(`${name}/${key}`) }));
  scored.sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
  return scored.map(({ name }) => name);
}

/** FNV-1a over the UTF-16 units, finished as MurmurHash3 does, because FNV alone spreads short similar keys badly. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
