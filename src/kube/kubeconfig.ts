// The current context of a kubeconfig file (client.authentication.k8s.io, v1 Config): its cluster and user, checked for
// what we can not honour rather than silently doing something else.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { CredentialsError } from './credentials-error.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface KubeconfigContext {
  readonly path: string;
  /** cluster.server. */
  readonly server: string;
  readonly cluster: Fields;
  readonly user: Fields;
}

/** Fields that change who we are or where we go, and that nothing here knows how to honour. */
const UNSUPPORTED = {
  cluster: ['proxy-url'],
  user: ['username', 'password', 'as', 'as-uid', 'as-groups', 'as-user-extra'],
} as const;

/** Throws CredentialsError naming file, field and what was wanted. */
export function readContext(path: string): KubeconfigContext {
  const document = readDocument(path);
  const contextName = nameIn(document, 'current-context', path);
  const context = entry(document, { list: 'contexts', inner: 'context', name: contextName, path });
  const clusterName = nameIn(context, 'cluster', path);
  const cluster = entry(document, { list: 'clusters', inner: 'cluster', name: clusterName, path });
  const user =
    context.user === undefined
      ? {}
      : entry(document, { list: 'users', inner: 'user', name: nameIn(context, 'user', path), path });
  refuse(cluster, 'cluster', path);
  refuse(user, 'user', path);
  const { server } = cluster;
  if (typeof server !== 'string' || !/^https?:\/\/./.test(server) || !URL.canParse(server)) {
    throw new CredentialsError(
      `kubeconfig "${path}": cluster.server ${JSON.stringify(server)}: want a URL with https or http`,
    );
  }
  return { path, server, cluster, user };
}

/** The field of the user that names a plugin; undefined for a user that needs none. */
export const needsPlugin = (user: Fields): 'exec' | 'auth-provider' | undefined =>
  (['exec', 'auth-provider'] as const).find((field) => isPresent(user[field]));

function readDocument(path: string): Fields {
  let document: unknown;
  try {
    document = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    throw new CredentialsError(`read kubeconfig "${path}": ${reason?.replace(/:$/, '')}`, { cause });
  }
  if (!isFields(document)) throw new CredentialsError(`kubeconfig "${path}": want a mapping`);
  return document;
}

function nameIn(fields: Fields, field: string, path: string): string {
  const name = fields[field];
  if (typeof name === 'string' && name !== '') return name;
  throw new CredentialsError(`kubeconfig "${path}": ${field} ${JSON.stringify(name ?? '')}: want a name`);
}

interface EntryQuery {
  readonly list: string;
  readonly inner: string;
  readonly name: string;
  readonly path: string;
}

function entry(document: Fields, { list, inner, name, path }: EntryQuery): Fields {
  const items: readonly unknown[] = Array.isArray(document[list]) ? document[list] : [];
  const item = items.filter(isFields).find((candidate) => candidate.name === name);
  const value = item?.[inner];
  if (isFields(value)) return value;
  const found = item === undefined ? 'no entry of this name' : `an entry without ${inner}`;
  throw new CredentialsError(`kubeconfig "${path}": ${list} "${name}": ${found}: want {name, ${inner}}`);
}

function refuse(fields: Fields, what: keyof typeof UNSUPPORTED, path: string): void {
  const field = UNSUPPORTED[what].find((name) => isPresent(fields[name]));
  if (field === undefined) return;
  throw new CredentialsError(
    `kubeconfig "${path}": ${what}.${field}: not supported: want a kubeconfig without it`,
  );
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
