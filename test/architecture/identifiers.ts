// Which identifiers stand for something that a file uses, and which are only keys of an object or a class.

import type { Node } from 'oxc-parser';

/** The name, if the node is an identifier that stands for a variable or a type and not for a key. */
export function variableName(node: Node, ancestors: readonly Node[]): string | undefined {
  if (node.type !== 'Identifier') return undefined;
  const parent = ancestors.at(-1);
  return parent !== undefined && isKey(node, parent) ? undefined : node.name;
}

function isKey(node: Node, parent: Node): boolean {
  switch (parent.type) {
    case 'MemberExpression':
      return parent.property === node && !parent.computed;
    case 'Property':
      return parent.key === node && !parent.computed && !parent.shorthand;
    case 'MethodDefinition':
    case 'PropertyDefinition':
    case 'TSPropertySignature':
    case 'TSMethodSignature':
      return parent.key === node && !parent.computed;
    case 'TSQualifiedName':
      return parent.right === node;
    case 'ImportSpecifier':
      return parent.imported === node;
    default:
      return false;
  }
}
