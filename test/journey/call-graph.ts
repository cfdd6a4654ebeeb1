// A call graph by names: which exported function, class or constant is named, directly or through others, by the code of
// another. A class counts also where it is named as the type of something that is given. It errs on the side of too
// much (a name is a call), but does not cross an interface, a thread or the API: there, a hop must be named.

import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import type { Reference } from '../architecture/references.ts';
import { walk } from '../architecture/source-file.ts';
import type { SourceTree } from '../architecture/source-tree.ts';
import { BODY, type Declarations, declarationsOf, type Import, usedNames } from './declarations.ts';

/** A declaration: `src/net/mac.ts#parseMac`. */
export type Place = string;

export class CallGraph {
  readonly #tree: SourceTree;
  readonly #declarations = new Map<string, Declarations>();
  readonly #reached = new Map<Place, ReadonlySet<Place>>();

  constructor(tree: SourceTree) {
    this.#tree = tree;
    for (const file of tree.files) this.#declarations.set(file.path, declarationsOf(file));
  }

  /** All declarations of all modules. */
  *places(): Iterable<Place> {
    for (const [path, { nodes }] of this.#declarations)
      for (const name of nodes.keys()) yield `${path}#${name}`;
  }

  /** The value that a module exports under a name, through re-exports; undefined if it exports none, or a type. */
  resolveValue(path: string, name: string): Place | undefined {
    const place = this.resolveExport(path, name);
    return place === undefined || this.#isType(place) ? undefined : place;
  }

  /** The declaration, of a value or a type, that a module exports under a name. */
  resolveExport(path: string, name: string): Place | undefined {
    const declarations = this.#declarations.get(path);
    const exported = declarations?.exports.get(name);
    if (typeof exported === 'string') {
      const imported = declarations?.imports.get(exported);
      return imported === undefined ? `${path}#${exported}` : this.#follow(path, imported)[0];
    }
    if (exported !== undefined) return this.#follow(path, exported)[0];
    const passedOn = declarations?.passedOn ?? [];
    return passedOn.flatMap((specifier) => this.#follow(path, { specifier, name }))[0];
  }

  /** Everything that the code of a declaration names, through any number of others; itself included. */
  reach(start: Place): ReadonlySet<Place> {
    const known = this.#reached.get(start);
    if (known !== undefined) return known;
    const reached = new Set<Place>([start]);
    for (const place of reached) for (const next of this.#named(place)) reached.add(next);
    this.#reached.set(start, reached);
    return reached;
  }

  /** The syntax trees of a declaration. */
  nodes(place: Place): readonly Node[] {
    const [path, name] = split(place);
    return this.#declarations.get(path)?.nodes.get(name) ?? [];
  }

  /** What a declaration names by itself. As a type it names types, whose fields it uses, and classes. */
  #named(place: Place): readonly Place[] {
    const [path] = split(place);
    return this.nodes(place).flatMap((node) => {
      const { values, types } = usedNames(node);
      const typed = [...types].flatMap((name) => this.#lookUp(path, name));
      return [
        ...[...values].flatMap((name) => this.#lookUp(path, name)),
        ...typed.filter((other) => this.#isType(other) || this.#isClass(other)),
        ...this.#loadedBy(path, node),
      ];
    });
  }

  #isType(place: Place): boolean {
    const [path, name] = split(place);
    return this.#declarations.get(path)?.types.has(name) === true;
  }

  #isClass(place: Place): boolean {
    return this.nodes(place).some((node) => node.type === 'ClassDeclaration');
  }

  #lookUp(path: string, name: string): readonly Place[] {
    const declarations = this.#declarations.get(path);
    const imported = declarations?.imports.get(name);
    if (imported !== undefined) return this.#follow(path, imported);
    return declarations?.nodes.has(name) === true ? [`${path}#${name}`] : [];
  }

  #follow(from: string, { specifier, name }: Import): readonly Place[] {
    if (!specifier.startsWith('.')) return [];
    const path = posix.join(posix.dirname(from), specifier);
    if (name === '*') return this.#allOf(path);
    const place = this.resolveExport(path, name);
    return place === undefined ? [] : [place];
  }

  #allOf(path: string): readonly Place[] {
    return [...(this.#declarations.get(path)?.nodes.keys() ?? [])].map((name) => `${path}#${name}`);
  }

  /** Modules that a piece of code loads later, by `import()` or as a thread. */
  #loadedBy(path: string, node: Node): readonly Place[] {
    const file = this.#tree.get(path);
    if (file === undefined) return [];
    const [first, last] = [file.lineOf(node.start), file.lineOf(node.end)];
    const isInside = ({ kind, line }: Reference): boolean =>
      (kind === 'dynamic' || kind === 'worker') && line >= first && line <= last;
    return this.#tree
      .references(file)
      .filter(isInside)
      .flatMap(({ kind, target }) => {
        if (target.kind !== 'file') return [];
        return kind === 'worker' ? [`${target.path}#${BODY}`] : this.#allOf(target.path);
      });
  }
}

const split = (place: Place): readonly [string, string] => {
  const at = place.indexOf('#');
  return [place.slice(0, at), place.slice(at + 1)];
};

/** Whether some node of a declaration satisfies a condition. */
export function holds(
  graph: CallGraph,
  place: Place,
  condition: (node: Node, ancestors: readonly Node[]) => boolean,
): boolean {
  return graph.nodes(place).some((root) => {
    let found = false;
    walk(root, (node, ancestors) => {
      found ||= condition(node, ancestors);
    });
    return found;
  });
}
