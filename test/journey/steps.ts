// The steps of ARCHITECTURE.md as data: the numbered items under each heading "The journey of …", with the function that
// each names and, where the step before reaches it by other means than a call, how.

/** How a step is reached where no call leads to it. */
export type Hop =
  | { readonly kind: 'call' }
  /** `(through the API: VirtualIP)`: the one writes objects of this kind, the other's program reads them. */
  | { readonly kind: 'api'; readonly object: string }
  /** `(message: want)`: the one makes a message of this kind, the other's thread takes it apart. */
  | { readonly kind: 'message'; readonly message: string };

/** A function as a step names it. */
export interface Named {
  readonly path: string;
  readonly name: string;
}

export interface Step extends Named {
  /** `2` or `2.1`, as the reader counts. */
  readonly number: string;
  readonly line: number;
  /** The step that must reach this one; undefined for the first of a journey. */
  readonly before: Named | undefined;
  readonly hop: Hop;
}

const HEADING = /^## The journey of .+$/;
const ITEM = /^( {0,6})(\d+)\. /;
const FUNCTION = /`(src\/[^`#]+)#([\w$]+)`/g;

interface Item {
  readonly depth: 0 | 1;
  readonly line: number;
  readonly number: string;
  readonly text: string;
}

/** Reads the steps of all journeys. Throws when there is none, or a step names no function or several. */
export function readSteps(document: string): readonly Step[] {
  const journeys = readJourneys(document);
  if (journeys.length === 0) throw new Error('the document has no heading "## The journey of …"');
  return journeys.flatMap((items) => {
    if (items.length < 2) throw new Error(`a journey has ${items.length} steps: want at least 2`);
    let outer: Named | undefined;
    return items.map((item) => {
      const step = { ...toStep(item), before: outer };
      // An indented step is called by the one it stands under; the others follow each other.
      if (item.depth === 0) outer = step;
      return step;
    });
  });
}

function toStep(item: Item): Omit<Step, 'before'> {
  const functions = [...item.text.matchAll(FUNCTION)];
  const [, path, name] = functions[0] ?? [];
  if (path === undefined || name === undefined || functions.length > 1) {
    throw new Error(
      `line ${item.line}, step ${item.number}: names ${functions.length} functions, want exactly one`,
    );
  }
  return { number: item.number, line: item.line, path, name, hop: readHop(item.text) };
}

function readHop(text: string): Hop {
  const object = /\(through the API: (\w+)\)/.exec(text)?.[1];
  if (object !== undefined) return { kind: 'api', object };
  const message = /\(message: ([\w-]+)\)/.exec(text)?.[1];
  return message === undefined ? { kind: 'call' } : { kind: 'message', message };
}

function readJourneys(document: string): readonly (readonly Item[])[] {
  const journeys: Item[][] = [];
  let items: Item[] | undefined;
  document.split('\n').forEach((text, index) => {
    if (text.startsWith('## ')) {
      items = HEADING.test(text) ? [] : undefined;
      if (items !== undefined) journeys.push(items);
    } else if (items !== undefined) {
      addLine(items, text, index + 1);
    }
  });
  return journeys;
}

/** A line that begins an item, or goes on with the last one. */
function addLine(items: Item[], text: string, line: number): void {
  const [, indent, digits] = ITEM.exec(text) ?? [];
  const last = items.at(-1);
  if (indent === undefined || digits === undefined) {
    if (last !== undefined && text.startsWith('  '))
      items[items.length - 1] = { ...last, text: `${last.text}\n${text}` };
    return;
  }
  const depth = indent === '' ? 0 : 1;
  const outer = items.findLast((item) => item.depth === 0)?.number ?? '0';
  items.push({ depth, line, number: depth === 0 ? digits : `${outer}.${digits}`, text });
}
