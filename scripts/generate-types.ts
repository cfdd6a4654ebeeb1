// Makes src/resource/generated.ts, the TypeScript types of our kinds as they cross the wire, from the CRDs in the
// chart. With `--check` it writes nothing and fails when the file is not what it would write.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const CRDS = fileURLToPath(new URL('../charts/fairlead/files/crds/', import.meta.url));
const TARGET = fileURLToPath(new URL('../src/resource/generated.ts', import.meta.url));
const LINE_WIDTH = 110;

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const HEADER = `// Made by scripts/generate-types.ts from charts/fairlead/files/crds; do not edit. The types of our kinds as they cross
// the wire: what is read from the API is checked by the parsers beside this file, never cast to these.
`;

/** The text of generated.ts for the CRDs in `directory`. */
export function generateTypes(directory: string): string {
  const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'));
  if (files.length === 0) throw new Error(`no CRD in ${directory}`);
  const definitions = files.sort().map((file) => parse(readFileSync(directory + file, 'utf8')) as Definition);
  return [HEADER, ...definitions.map(typesOf)].join('\n');
}

/** `AddressPoolSpec` and `AddressPoolStatus`; metadata is everywhere the same and not repeated. */
function typesOf({ spec }: Definition): string {
  const [version, ...others] = spec.versions;
  if (version === undefined || others.length > 0)
    throw new Error(`${spec.names.kind}: want exactly one version`);
  const parts = Object.entries(version.schema.openAPIV3Schema.properties ?? {}).filter(
    ([name]) => name === 'spec' || name === 'status',
  );
  return parts
    .map(([name, schema]) => {
      const typeName = `${spec.names.kind}${name === 'spec' ? 'Spec' : 'Status'}`;
      return `${comment(schema.description, '')}export interface ${typeName} ${objectType(schema, '')}\n`;
    })
    .join('\n');
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `'${value}'`).join(' | ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
      return schema.type;
    case 'integer':
      return 'number';
    case 'array':
      return listType(schema.items ?? {}, indent);
    case 'object':
      return schema.additionalProperties === undefined
        ? objectType(schema, indent)
        : `Readonly<Record<string, ${typeOf(schema.additionalProperties, indent)}>>`;
    default:
      throw new Error(`cannot translate the schema type ${String(schema.type)}`);
  }
}

function listType(items: Schema, indent: string): string {
  const element = typeOf(items, indent);
  return items.enum === undefined ? `readonly ${element}[]` : `readonly (${element})[]`;
}

function objectType(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? '' : '?';
    return `${comment(field.description, inner)}${inner}readonly ${name}${optional}: ${typeOf(field, inner)};\n`;
  });
  return `{\n${fields.join('')}${indent}}`;
}

function comment(description: string | undefined, indent: string): string {
  if (description === undefined) throw new Error('every field of a CRD needs a description');
  const single = `${indent}/** ${description} */`;
  if (single.length <= LINE_WIDTH) return `${single}\n`;
  const lines = [''];
  for (const word of description.split(/\s+/)) {
    const last = lines.at(-1) ?? '';
    if (indent.length + 3 + last.length + word.length > LINE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`, ''].join('\n');
}

function main(): void {
  const wanted = generateTypes(CRDS);
  if (!process.argv.includes('--check')) {
    writeFileSync(TARGET, wanted);
  } else if (readFileSync(TARGET, 'utf8') !== wanted) {
    console.error('src/resource/generated.ts is stale: run `node scripts/generate-types.ts`');
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
