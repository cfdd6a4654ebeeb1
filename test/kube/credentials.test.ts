// Credentials from a Pod's environment and from kubeconfig files, and what is said about those that will not do.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { CredentialsError, inClusterCredentials } from '../../src/kube/credentials.ts';
import { pluginCredentials } from '../../src/kube/credentials-plugin.ts';
import { kubeconfigCredentials } from '../../src/kube/kubeconfig-credentials.ts';
import { seconds } from '../../src/time/duration.ts';
import { VirtualTime } from '../fake/virtual-time.ts';
import { CERTIFICATE, KEY, OTHER_KEY } from './certificate.ts';

/** Looks like a certificate, and is none. */
const NO_CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

type Fields = Readonly<Record<string, unknown>>;

/** A directory that goes with the test. */
function directory(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'fairlead-credentials-'));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

interface Parts {
  readonly cluster?: Fields;
  readonly user?: Fields;
  readonly document?: Fields;
}

function kubeconfig(context: TestContext, { cluster = {}, user = {}, document = {} }: Parts = {}): string {
  const path = join(directory(context), 'config');
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'home',
    contexts: [{ name: 'home', context: { cluster: 'k3s', user: 'me' } }],
    clusters: [{ name: 'k3s', cluster: { server: 'https://10.77.0.10:6443', ...cluster } }],
    users: [{ name: 'me', user }],
    ...document,
  });
  writeFileSync(path, text);
  return path;
}

test('in a Pod: address, CA and token', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'ca.crt'), CERTIFICATE);
  writeFileSync(join(path, 'token'), 'secret\n');
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00:96::1', KUBERNETES_SERVICE_PORT: '6443' };
  const credentials = inClusterCredentials(environment, { directory: path });
  assert.equal(credentials.server, 'https://[fd00:96::1]:6443');
  assert.deepEqual(credentials.tls, { ca: CERTIFICATE, rejectUnauthorized: true });
  assert.deepEqual(await credentials.headers(false), { authorization: 'Bearer secret' });
});

test('a token file is read anew after a minute, and at once when the token was refused', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'ca.crt'), CERTIFICATE);
  const write = (token: string): void => writeFileSync(join(path, 'token'), token);
  write('one');
  const time = new VirtualTime();
  const { headers } = inClusterCredentials(
    { KUBERNETES_SERVICE_HOST: '10.96.0.1' },
    { directory: path, time },
  );
  write('two');
  time.skip(seconds(59));
  assert.deepEqual(await headers(false), { authorization: 'Bearer one' });
  time.skip(seconds(1));
  assert.deepEqual(await headers(false), { authorization: 'Bearer two' });
  write('three');
  assert.deepEqual(await headers(true), { authorization: 'Bearer three' });
  write('');
  await assert.rejects(headers(true), /token" ?.*empty: want a bearer token|read token .*: empty/);
});

test('outside of a cluster the flag to use is named', () => {
  assert.throws(() => inClusterCredentials({}), /KUBERNETES_SERVICE_HOST: not set.*want --kubeconfig PATH/);
});

test('in a Pod whose environment or authority is wrong', (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'ca.crt'), NO_CERTIFICATE);
  writeFileSync(join(path, 'token'), 'secret\n');
  const refusal = (KUBERNETES_SERVICE_HOST: string): string => {
    try {
      inClusterCredentials({ KUBERNETES_SERVICE_HOST }, { directory: path });
      return 'none';
    } catch (error) {
      return String(error);
    }
  };
  assert.match(
    refusal('a b'),
    /^CredentialsError: .*KUBERNETES_SERVICE_HOST "a b" and .* want a host and a port$/,
  );
  assert.match(
    refusal('10.96.0.1'),
    /^CredentialsError: service account CA ".*ca.crt": bad base64 decode: want/,
  );
});

test('a kubeconfig with data in base64', async (t) => {
  const path = kubeconfig(t, {
    cluster: { 'certificate-authority-data': base64(CERTIFICATE), 'tls-server-name': 'kubernetes' },
    user: { 'client-certificate-data': base64(CERTIFICATE), 'client-key-data': base64(KEY), token: 'secret' },
  });
  const { tls, headers } = kubeconfigCredentials(path);
  assert.deepEqual(tls, {
    ca: CERTIFICATE,
    cert: CERTIFICATE,
    key: KEY,
    servername: 'kubernetes',
    rejectUnauthorized: true,
  });
  assert.deepEqual(await headers(false), { authorization: 'Bearer secret' });
});

test('a kubeconfig with files beside it', async (t) => {
  const path = kubeconfig(t, {
    cluster: { 'certificate-authority': 'ca.pem' },
    user: { tokenFile: 'token', token: 'not this one' },
  });
  writeFileSync(join(path, '..', 'ca.pem'), CERTIFICATE);
  writeFileSync(join(path, '..', 'token'), 'from the file\n');
  const { tls, headers } = kubeconfigCredentials(path);
  assert.equal(tls.ca, CERTIFICATE);
  assert.deepEqual(await headers(false), { authorization: 'Bearer from the file' });
});

test('TLS is verified unless the file says otherwise', (t) => {
  assert.equal(kubeconfigCredentials(kubeconfig(t)).tls.rejectUnauthorized, true);
  const insecure = kubeconfig(t, { cluster: { 'insecure-skip-tls-verify': true } });
  assert.equal(kubeconfigCredentials(insecure).tls.rejectUnauthorized, false);
});

const REFUSED: readonly (readonly [string, Parts, RegExp])[] = [
  ['no current context', { document: { 'current-context': '' } }, /: current-context "": want a name$/],
  [
    'an unknown context',
    { document: { 'current-context': 'work' } },
    /: contexts "work": no entry of this name/,
  ],
  ['an unknown cluster', { document: { clusters: [] } }, /: clusters "k3s": no entry of this name/],
  ['an unknown user', { document: { users: null } }, /: users "me": no entry of this name/],
  ['an empty user', { document: { users: [{ name: 'me' }] } }, /: users "me": an entry without user/],
  ['no server', { cluster: { server: undefined } }, /: cluster.server undefined: want a URL/],
  [
    'a server that is no URL',
    { cluster: { server: '10.0.0.1:6443' } },
    /: cluster.server "10.0.0.1:6443": want a URL/,
  ],
  ['a proxy', { cluster: { 'proxy-url': 'http://proxy' } }, /: cluster.proxy-url: not supported/],
  ['a password', { user: { username: 'a', password: 'b' } }, /: user.username: not supported/],
  ['another identity', { user: { as: 'admin' } }, /: user.as: not supported/],
  [
    'a key without a certificate',
    { user: { 'client-key-data': base64(CERTIFICATE) } },
    /: user.client-certificate: absent/,
  ],
  [
    'data that is no PEM',
    { cluster: { 'certificate-authority-data': 'AAAA' } },
    /-data: want PEM in base64$/,
  ],
  [
    'an authority that can not be read',
    { cluster: { 'certificate-authority-data': base64(NO_CERTIFICATE) } },
    /: certificate-authority: bad base64 decode: want certificates in PEM$/,
  ],
  [
    'a client certificate that can not be read',
    { user: { 'client-certificate-data': base64(NO_CERTIFICATE), 'client-key-data': base64(KEY) } },
    /: user.client-certificate and user.client-key: bad base64 decode: want a certificate in PEM and its key$/,
  ],
  [
    'the key of another certificate',
    { user: { 'client-certificate-data': base64(CERTIFICATE), 'client-key-data': base64(OTHER_KEY) } },
    /: user.client-certificate and user.client-key: key values mismatch: want/,
  ],
  [
    'a client certificate that is not there',
    { user: { 'client-certificate': 'no.pem', 'client-key-data': base64(KEY) } },
    /client-certificate: ".*no.pem": ENOENT/,
  ],
  [
    'a file that is not there',
    { cluster: { 'certificate-authority': 'no.pem' } },
    /certificate-authority: ".*no.pem": ENOENT/,
  ],
  ['a token file that is not there', { user: { tokenFile: 'none' } }, /^read token ".*none": ENOENT/],
  [
    'an exec plugin',
    { user: { exec: { command: 'x' } } },
    /: user.exec: a plugin is not for this program: want token/,
  ],
  ['an auth provider', { user: { 'auth-provider': { name: 'oidc' } } }, /: user.auth-provider: a plugin/],
];

for (const [what, parts, message] of REFUSED) {
  test(`${what} is refused, in one line`, (t) => {
    const path = kubeconfig(t, parts);
    assert.throws(
      () => kubeconfigCredentials(path),
      (error) => {
        assert.ok(error instanceof CredentialsError, String(error));
        assert.match(error.message, message);
        assert.ok(!error.message.includes('\n'), error.message);
        return true;
      },
    );
  });
}

test('what is no kubeconfig is refused, with its path', (t) => {
  const path = join(directory(t), 'config');
  assert.throws(() => kubeconfigCredentials(path), /^CredentialsError: read kubeconfig ".*config": ENOENT/);
  writeFileSync(path, 'a: [1, 2');
  assert.throws(() => kubeconfigCredentials(path), /^CredentialsError: read kubeconfig ".*config": .*$/);
  writeFileSync(path, '- a');
  assert.throws(() => kubeconfigCredentials(path), /kubeconfig ".*config": want a mapping$/);
});

/** A plugin that answers with another token each time it is asked. */
function plugin(context: TestContext, script: string): Parts {
  const path = join(directory(context), 'plugin');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return {
    user: {
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: path, interactiveMode: 'Never' },
    },
  };
}

test('an exec plugin is asked once, and again when its token was refused', async (t) => {
  const count = join(directory(t), 'count');
  const script = `echo x >> ${count}
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-%s"}}' $(wc -l < ${count})`;
  const { headers, server } = await pluginCredentials(kubeconfig(t, plugin(t, script)));
  assert.equal(server, 'https://10.77.0.10:6443');
  assert.deepEqual(await headers(false), { authorization: 'Bearer token-1' });
  assert.deepEqual(await headers(false), { authorization: 'Bearer token-1' });
  assert.deepEqual(await headers(true), { authorization: 'Bearer token-2' });
});

test('a plugin that fails is named, with what it said', async (t) => {
  const path = kubeconfig(t, plugin(t, 'echo not logged in >&2; exit 1'));
  await assert.rejects(
    pluginCredentials(path),
    /^CredentialsError: kubeconfig ".*": user.exec: the plugin failed: not logged in$/,
  );
});

test('a user without a plugin needs none', async (t) => {
  const { headers } = await pluginCredentials(kubeconfig(t, { user: { token: 'secret' } }));
  assert.deepEqual(await headers(false), { authorization: 'Bearer secret' });
});
