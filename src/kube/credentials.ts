// How to reach and convince an API server: in-cluster service account, or a static kubeconfig
// (kubeconfig-credentials.ts). Needs nothing of client-node, so the agent can use it; plugins: credentials-plugin.ts.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { seconds } from '../time/duration.ts';
import { between } from '../time/instant.ts';
import { CredentialsError } from './credentials-error.ts';
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
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(server)) {
    throw new CredentialsError(
      `environment variables KUBERNETES_SERVICE_HOST "${host}" and KUBERNETES_SERVICE_PORT "${port}": want a host and a port`,
    );
  }
  const path = `${directory}/ca.crt`;
  return {
    server,
    tls: {
      ca: certificates(readFile(path, 'service account CA'), `service account CA "${path}"`),
      rejectUnauthorized: true,
    },
    headers: tokenFileHeaders(`${directory}/token`, time),
  };
}

/** Reads the token anew once a minute, and at once when it was refused. */
export function tokenFileHeaders(path: string, time: Time): Credentials['headers'] {
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

/** The same text; throws CredentialsError if it is not PEM. Node takes a CA that it can not read for none at all. */
export function certificates(pem: string, what: string): string {
  try {
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new CredentialsError(`${what}: ${opensslReason(cause)}: want certificates in PEM`, { cause });
  }
}

/** Without OpenSSL's numbers: `error:04800064:PEM routines::bad base64 decode`. */
export const opensslReason = (cause: unknown): string =>
  (cause as Error).message.replace(/^error:[^:]*:[^:]*:[^:]*:/, '');

/** Throws CredentialsError that says `what` could not be read. */
export function readFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CredentialsError(`read ${what} "${path}": ${(cause as Error).message}`, { cause });
  }
}
