// How to reach and convince an API server: in-cluster service account, or a static kubeconfig (token, token file,
// client certificate). Needs nothing of client-node, so the agent can use it; plugins: credentials-plugin.ts.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';

export interface Credentials {
  /** Base URL, for example `https://10.77.0.10:6443`. */
  readonly server: string;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
  /** Headers for the next request; `fresh` asks to read the token anew (after a 401). */
  headers(fresh: boolean): Promise<Readonly<Record<string, string>>>;
}

export class CredentialsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CredentialsError';
  }
}

/** Projected service account tokens are replaced by the kubelet at 80 % of their life; a minute is often enough. */
const TOKEN_FILE_AGE_MS = 60_000;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export function inClusterCredentials(
  environment: Readonly<Record<string, string | undefined>>,
  directory = SERVICE_ACCOUNT,
): Credentials {
  const host = environment.KUBERNETES_SERVICE_HOST;
  const port = environment.KUBERNETES_SERVICE_PORT ?? '443';
  if (host === undefined || host === '') {
    throw new CredentialsError(
      'KUBERNETES_SERVICE_HOST is not set: not in a cluster, want --kubeconfig PATH',
    );
  }
  const ca = readFile(`${directory}/ca.crt`, 'the service account CA');
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tls: { ca, rejectUnauthorized: true },
    headers: tokenFileHeaders(`${directory}/token`),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads the current context of a kubeconfig file. Throws CredentialsError naming file, field and what was wanted. */
export function kubeconfigCredentials(path: string): Credentials {
  const document = parseDocument(path);
  const contextName = text(document['current-context']) ?? '';
  const context = named(document, { list: 'contexts', name: contextName, inner: 'context', path });
  const cluster = named(document, {
    list: 'clusters',
    name: text(context.cluster) ?? '',
    inner: 'cluster',
    path,
  });
  const user = named(document, { list: 'users', name: text(context.user) ?? '', inner: 'user', path });
  const server = text(cluster.server);
  if (server === undefined || !URL.canParse(server)) {
    throw new CredentialsError(
      `kubeconfig "${path}": cluster.server ${JSON.stringify(cluster.server)}: want a URL`,
    );
  }
  if (cluster['proxy-url'] !== undefined)
    throw new CredentialsError(`kubeconfig "${path}": cluster.proxy-url: not supported`);
  if (needsPlugin(user))
    throw new CredentialsError(
      `kubeconfig "${path}": user.exec and user.auth-provider: not supported here, want token or client certificate`,
    );
  const pem = (fields: Fields, field: string) => pemOf(fields, field, path);
  const ca = pem(cluster, 'certificate-authority');
  const cert = pem(user, 'client-certificate');
  const key = pem(user, 'client-key');
  const servername = text(cluster['tls-server-name']);
  return {
    server: server.replace(/\/+$/, ''),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
    },
    headers: userHeaders(user, path),
  };
}

export const needsPlugin = (user: Fields): boolean =>
  user.exec !== undefined || user['auth-provider'] !== undefined;

function userHeaders(user: Fields, path: string): Credentials['headers'] {
  const tokenFile = text(user.tokenFile);
  if (tokenFile !== undefined) return tokenFileHeaders(resolve(dirname(path), tokenFile));
  const token = text(user.token);
  const headers: Readonly<Record<string, string>> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  return async () => headers;
}

function tokenFileHeaders(path: string): Credentials['headers'] {
  let token = readFile(path, 'the token').trim();
  let readAt = performance.now();
  return async (fresh) => {
    if (fresh || performance.now() - readAt > TOKEN_FILE_AGE_MS) {
      token = readFile(path, 'the token').trim();
      readAt = performance.now();
    }
    return { authorization: `Bearer ${token}` };
  };
}

function parseDocument(path: string): Fields {
  const source = readFile(path, 'the kubeconfig');
  let document: unknown;
  try {
    document = parse(source);
  } catch (cause) {
    throw new CredentialsError(`kubeconfig "${path}": not YAML: ${(cause as Error).message.split('\n')[0]}`, {
      cause,
    });
  }
  if (typeof document !== 'object' || document === null)
    throw new CredentialsError(`kubeconfig "${path}": want a mapping`);
  return document as Fields;
}

interface NamedQuery {
  readonly list: string;
  readonly name: string;
  readonly inner: string;
  readonly path: string;
}

function named(document: Fields, { list, name, inner, path }: NamedQuery): Fields {
  const items = document[list];
  const item = Array.isArray(items)
    ? (items as Fields[]).find((candidate) => candidate?.name === name)
    : undefined;
  const value = item?.[inner];
  if (typeof value !== 'object' || value === null) {
    throw new CredentialsError(
      `kubeconfig "${path}": ${list}: no entry named "${name}" with a field ${inner}`,
    );
  }
  return value as Fields;
}

function pemOf(fields: Fields, field: string, path: string): string | undefined {
  const data = text(fields[`${field}-data`]);
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const file = text(fields[field]);
  return file === undefined
    ? undefined
    : readFile(resolve(dirname(path), file), `kubeconfig "${path}": ${field}`);
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

function readFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CredentialsError(`read ${what} "${path}": ${(cause as Error).message}`, { cause });
  }
}
