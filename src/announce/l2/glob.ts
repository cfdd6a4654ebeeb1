// Patterns of link names as an Advertisement has them: `*` stands for any characters, `?` for one.

/** Takes time in proportion to the lengths multiplied at most, whatever the pattern: it never goes back twice. */
export function isGlobMatch(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let retry = 0;
  for (let i = 0; i < name.length; ) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at++;
      retry = i;
    } else if (wanted === '?' || wanted === name[i]) {
      at++;
      i++;
    } else if (star >= 0) {
      // Let the last star take one character more.
      at = star + 1;
      i = ++retry;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
