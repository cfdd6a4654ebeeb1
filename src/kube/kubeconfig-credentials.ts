// Credentials of a static kubeconfig: token, token file or client certificate. Beside credentials.ts, because a program in
// a cluster needs neither this nor the YAML parser behind it.

import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Credentials, certificates, opensslReason, readFile, tokenFileHeaders } from './credentials.ts';
import { CredentialsError } from './credentials-error.ts';
import { type KubeconfigContext, needsPlugin, readContext } from './kubeconfig.ts';
import { processTime, type Time } from './time.ts';

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
  if (ca !== undefined) certificates(ca, `kubeconfig "${path}": certificate-authority`);
  if (cert !== undefined && key !== undefined) checkKeyPair({ cert, key }, path);
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

function checkKeyPair(pair: { readonly cert: string; readonly key: string }, path: string): void {
  try {
    createSecureContext(pair);
  } catch (cause) {
    const fields = 'user.client-certificate and user.client-key';
    const wanted = 'want a certificate in PEM and its key';
    throw new CredentialsError(`kubeconfig "${path}": ${fields}: ${opensslReason(cause)}: ${wanted}`, {
      cause,
    });
  }
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
