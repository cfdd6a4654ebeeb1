// How to reach and convince an API server: in-cluster service account, or a static kubeconfig (token, token file,
// client certificate). Needs nothing of client-node, so the agent can use it; plugins: credentials-plugin.ts.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { seconds } from '../time/duration.ts';
import { between } from '../time/instant.ts';
import { CredentialsError } from './credentials-error.ts';
import { type KubeconfigContext, needsPlugin, readContext } from './kubeconfig.ts';
import { processTime, type Time } from './time.ts';

export { CredentialsError } from './credentials-error.ts';

export interface Credentials {
  /** Base URL, for example `https://10.77.0.10:6443`; may have a path. */
  readonly server: string;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
  /** Headers for the next request; `isRefused` says that the server did not accept the last ones (401). */
  headers(isRefused: boolean): Promise<Readonly<Record<string, string>>>;
}

/** Projected service account tokens are replaced by the kubelet at 80 % of their life; a minute is often enough. */
const TOKEN_FILE_AGE = seconds(60);

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  /** Where the kubelet mounts the service account. */
  readonly directory?: string;
  readonly time?: Time;
}

/** Throws CredentialsError when `environment` is not that of a Pod or the service account can not be read. */
export function inClusterCredentials(
  environment: Readonly<Record<string, string | undefined>>,
  { directory = SERVICE_ACCOUNT, time = processTime }: InClusterOptions = {},
): Credentials {
  const host = environment.KUBERNETES_SERVICE_HOST;
  const port = environment.KUBERNETES_SERVICE_PORT ?? '443';
  if (host === undefined || host === '') {
    throw new CredentialsError(
      'environment variable KUBERNETES_SERVICE_HOST: not set, as outside of a cluster: want --kubeconfig PATH',
    );
  }
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tls: { ca: readFile(`${directory}/ca.crt`, 'service account CA'), rejectUnauthorized: true },
    headers: tokenFileHeaders(`${directory}/token`, time),
  };
}

/** Reads the current context of a kubeconfig file. Throws CredentialsError naming file, field and what was wanted. */
export function kubeconfigCredentials(path: string, time: Time = processTime): Credentials {
  const context = readContext(path);
  const plugin = needsPlugin(context.user);
  if (plugin !== undefined) {
    throw new CredentialsError(
      `kubeconfig "${path}": user.${plugin}: a plugin is not for this program: want token, tokenFile or client-certificate`,
    );
  }
  return staticCredentials(context, userHeaders(context, time));
}

/** What a kubeconfig says without any plugin, with headers made by the caller. */
export function staticCredentials(context: KubeconfigContext, headers: Credentials['headers']): Credentials {
  const { cluster, user, path } = context;
  const ca = pemOf(cluster, 'certificate-authority', path);
  const cert = pemOf(user, 'client-certificate', path);
  const key = pemOf(user, 'client-key', path);
  if ((cert === undefined) !== (key === undefined)) {
    throw new CredentialsError(
      `kubeconfig "${path}": user.${cert === undefined ? 'client-certificate' : 'client-key'}: absent: want both or none of the two`,
    );
  }
  const servername = text(cluster['tls-server-name']);
  return {
    server: context.server,
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(servername === undefined ? {} : { servername }),
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
    },
    headers,
  };
}

function userHeaders({ user, path }: KubeconfigContext, time: Time): Credentials['headers'] {
  const tokenFile = text(user.tokenFile);
  if (tokenFile !== undefined) return tokenFileHeaders(resolve(dirname(path), tokenFile), time);
  const token = text(user.token);
  const headers: Readonly<Record<string, string>> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  return () => Promise.resolve(headers);
}

function tokenFileHeaders(path: string, time: Time): Credentials['headers'] {
  let token = readToken(path);
  let readAt = time.now();
  return async (isRefused) => {
    if (isRefused || between(readAt, time.now()) >= TOKEN_FILE_AGE) {
      token = readToken(path);
      readAt = time.now();
    }
    return { authorization: `Bearer ${token}` };
  };
}

function readToken(path: string): string {
  const token = readFile(path, 'token').trim();
  if (token === '') throw new CredentialsError(`read token "${path}": empty: want a bearer token`);
  return token;
}

type Fields = Readonly<Record<string, unknown>>;

/** PEM from `field-data` (base64) or from the file that `field` names. */
function pemOf(fields: Fields, field: string, path: string): string | undefined {
  const data = text(fields[`${field}-data`]);
  const file = text(fields[field]);
  if (data === undefined && file === undefined) return undefined;
  const pem =
    data === undefined
      ? readFile(resolve(dirname(path), file ?? ''), `kubeconfig "${path}": ${field}:`)
      : Buffer.from(data, 'base64').toString('utf8');
  if (pem.includes('-----BEGIN ')) return pem;
  const source = data === undefined ? `${field} "${file}"` : `${field}-data`;
  throw new CredentialsError(
    `kubeconfig "${path}": ${source}: want ${data === undefined ? 'PEM' : 'PEM in base64'}`,
  );
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
