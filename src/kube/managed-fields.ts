// Takes metadata.managedFields out of an answer's text before it is parsed: it is half of many objects, nobody here reads
// it, and what is never made need not be collected.

/** As the API server writes it; no kind that we read has a field of this name elsewhere. */
const KEY = ',"managedFields":[';

const QUOTE = 0x22;
const OPEN = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE = 0x5d;

/** What is no JSON may come back changed, but stays none. */
export function withoutManagedFields(json: string): string {
  const parts: string[] = [];
  let from = 0;
  // Quotes within a string are escaped, so this can not be in one.
  for (let at = json.indexOf(KEY); at >= 0; at = json.indexOf(KEY, from)) {
    parts.push(json.slice(from, at));
    from = endOfArray(json, at + KEY.length);
  }
  return from === 0 ? json : parts.join('') + json.slice(from);
}

/** The end of the array in which `from` is; that of the text if it has none. */
function endOfArray(json: string, from: number): number {
  const end = json.indexOf(']', from) + 1;
  const inner = json.indexOf('[', from);
  const hasNone = end > 0 && (inner < 0 || inner > end);
  return hasNone && isBeforeKey(json, end) ? end : searchEndOfArray(json, from);
}

/**
 * A key begins here, maybe after the end of metadata, so this is not within a string: there the quote would be escaped,
 * or end the string, and then no letter would come after it.
 */
function isBeforeKey(json: string, at: number): boolean {
  const comma = json[at] === '}' ? at + 1 : at;
  return json.startsWith(',"', comma) && /[a-z]/.test(json[comma + 2] ?? '');
}

/** Looks at each character, which takes much longer, above all in an agent, whose loops are not compiled (bin/memory.ts). */
function searchEndOfArray(json: string, from: number): number {
  let depth = 1;
  let i = from;
  while (depth > 0 && i < json.length) {
    const code = json.charCodeAt(i++);
    if (code === QUOTE) i = endOfString(json, i);
    else if (code === OPEN) depth++;
    else if (code === CLOSE) depth--;
  }
  return i;
}

function endOfString(json: string, from: number): number {
  let i = from;
  while (i < json.length) {
    const code = json.charCodeAt(i++);
    if (code === QUOTE) break;
    if (code === BACKSLASH) i++;
  }
  return i;
}
