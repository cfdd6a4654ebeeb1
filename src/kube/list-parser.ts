// Reads the JSON of a list while it is still arriving: most of its items are values when its last byte is here. What it
// makes of a list is what JSON.parse makes of the whole, but for managedFields.

import { withoutManagedFields } from './managed-fields.ts';

/** Bytes that are collected before items are looked for: so many that looking for them costs little. */
const STEP = 256 * 1024;

const ITEMS = '"items":[';
const METADATA = '"metadata":{';

export class ListParser {
  readonly #step: number;
  readonly #decoder = new TextDecoder();
  readonly #items: (readonly unknown[])[] = [];
  #chunks: Uint8Array[] = [];
  #size = 0;
  /** All before the first item; empty as long as nothing is parsed. */
  #head = '';
  /** What comes after that and was not parsed yet. */
  #text = '';
  /** What is between two items, with how every item begins; `''`: this is to be parsed as a whole. */
  #between: string | undefined;

  constructor(step = STEP) {
    this.#step = step;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#step) return;
    this.#decode(true);
    this.#between ??= this.#findItems();
    if (this.#between !== '') this.#parseComplete(this.#between);
  }

  /** The whole document. Throws SyntaxError, as JSON.parse does. */
  end(): unknown {
    this.#decode(false);
    const document = parse(this.#head + this.#text);
    if (this.#items.length === 0) return document;
    const list = document as { items: readonly unknown[] };
    list.items = [...this.#items, list.items].flat();
    return list;
  }

  #decode(isMore: boolean): void {
    this.#text += this.#decoder.decode(Buffer.concat(this.#chunks), { stream: isMore });
    this.#chunks = [];
    this.#size = 0;
  }

  /**
   * An item begins with `{"metadata":{`, or with its apiVersion and kind before that. Quotes within a string are escaped,
   * so nothing that is looked for here can be in one.
   */
  #findItems(): string {
    const start = this.#text.indexOf(ITEMS) + ITEMS.length;
    const end = this.#text.indexOf(METADATA, start) + METADATA.length;
    const head = this.#text.slice(0, start);
    if (start < ITEMS.length || end < METADATA.length || !isJson(`${head}]}`)) return '';
    const opening = this.#text.slice(start, end);
    this.#head = head;
    this.#text = this.#text.slice(start);
    return `},${opening}`;
  }

  /** An item may have another inside (a template): a cut between such two is none that JSON.parse takes. */
  #parseComplete(between: string): void {
    const cut = this.#text.lastIndexOf(between) + 1;
    if (cut === 0) return;
    try {
      this.#items.push(parse(`[${this.#text.slice(0, cut)}]`) as unknown[]);
      this.#text = this.#text.slice(cut + 1);
    } catch {
      // The rest is parsed at its end, which also says what is wrong with it, if anything is.
      this.#between = '';
    }
  }
}

const parse = (text: string): unknown => JSON.parse(withoutManagedFields(text));

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
