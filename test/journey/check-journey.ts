// Holds the steps of a journey against the call graph: each names an exported value, and the step before reaches it.

import type { Node } from 'oxc-parser';
import { type CallGraph, holds, type Place } from './call-graph.ts';
import type { Hop, Step } from './steps.ts';

const KINDS = 'src/kube/kinds.ts';

/** What is not true in the steps, in words; empty when all of it is. */
export function checkJourney(graph: CallGraph, steps: readonly Step[]): readonly string[] {
  return steps.flatMap((step) => {
    const problem = stepProblem(graph, step);
    return problem === undefined ? [] : [`step ${step.number} (line ${step.line}): ${problem}`];
  });
}

function stepProblem(graph: CallGraph, { path, name, before, hop }: Step): string | undefined {
  const here = graph.resolveValue(path, name);
  if (here === undefined) return `${path} exports no value "${name}"`;
  // If the step before names nothing, that is told of it.
  const from = before === undefined ? undefined : graph.resolveValue(before.path, before.name);
  return from === undefined ? undefined : hopProblem(graph, hop, [from, here]);
}

function hopProblem(graph: CallGraph, hop: Hop, [from, to]: readonly [Place, Place]): string | undefined {
  switch (hop.kind) {
    case 'call':
      return graph.reach(from).has(to) ? undefined : `${from} does not reach ${to}`;
    case 'api':
      return apiProblem(graph, hop.object, [from, to]);
    case 'message':
      return messageProblem(graph, hop.message, [from, to]);
  }
}

/** The first names the kind; a program in src/bin names it too and reaches the second. */
function apiProblem(
  graph: CallGraph,
  object: string,
  [from, to]: readonly [Place, Place],
): string | undefined {
  const kind = [...graph.places()].find(
    (place) => place.startsWith(`${KINDS}#`) && holds(graph, place, (node) => isText(node, object)),
  );
  if (kind === undefined) return `${KINDS} has no kind "${object}"`;
  if (!graph.reach(from).has(kind)) return `${from} does not name the kind ${object}`;
  const programs = [...graph.places()].filter((place) => place.startsWith('src/bin/'));
  const isRead = programs.some((place) => graph.reach(place).has(kind) && graph.reach(place).has(to));
  return isRead ? undefined : `no program in src/bin names the kind ${object} and reaches ${to}`;
}

/** The first makes a message of the kind; something compares a kind with it and reaches the second. */
function messageProblem(
  graph: CallGraph,
  message: string,
  [from, to]: readonly [Place, Place],
): string | undefined {
  const isSent = [...graph.reach(from)].some((place) =>
    holds(graph, place, (node, up) => isText(node, message) && isKindOfMessage(node, up)),
  );
  if (!isSent) return `${from} makes no message of the kind "${message}"`;
  const receivers = [...graph.places()].filter((place) =>
    holds(graph, place, (node, up) => isText(node, message) && isCompared(node, up)),
  );
  const isTaken = receivers.some((place) => graph.reach(place).has(to));
  return isTaken ? undefined : `nothing that takes a message of the kind "${message}" reaches ${to}`;
}

const isText = (node: Node, text: string): boolean => node.type === 'Literal' && node.value === text;

/** `{ kind: 'want' }`. */
function isKindOfMessage(node: Node, ancestors: readonly Node[]): boolean {
  const parent = ancestors.at(-1);
  return (
    parent?.type === 'Property' &&
    parent.value === node &&
    parent.key.type === 'Identifier' &&
    parent.key.name === 'kind'
  );
}

/** `case 'want':` or `kind === 'want'`. */
function isCompared(node: Node, ancestors: readonly Node[]): boolean {
  const parent = ancestors.at(-1);
  if (parent?.type === 'SwitchCase') return parent.test === node;
  return parent?.type === 'BinaryExpression' && parent.operator === '===';
}
