// What the built program says to a user's mistakes: one line on standard error, the exit code, and no stack.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { requirement } from '../requirements.ts';
import { Bundle, type Ended } from './bundle.ts';

const USAGE: readonly (readonly [readonly string[], RegExp])[] = [
  [['--lisen'], /unknown option '--lisen'/],
  [['agnet'], /unknown command 'agnet' \(Did you mean agent\?\)/],
  [['help', 'agnet'], /unknown command 'agnet'/],
  [['agent', '--lisen', ':1'], /unknown option '--lisen' \(Did you mean --listen\?\)/],
  [['agent', '-x'], /unknown option '-x'/],
  [['agent', 'node1'], /too many arguments/],
  [['controller', '--node-name', 'node1'], /unknown option '--node-name'/],
  [['agent', '--kubeconfig'], /'--kubeconfig <path>' argument missing/],
  [['agent', '--namespace', ''], /'' is invalid\. Want the name of a namespace/],
  [['agent', '--namespace', 'Kube_System'], /'Kube_System' is invalid\. Want the name of a namespace/],
  [['controller', '--namespace', 'n'.repeat(64)], /Want the name of a namespace/],
  [['agent', '--listen', '9373'], /'9373' is invalid\. Want HOST:PORT/],
  [['agent', '--listen', ':65536'], /':65536' is invalid\. Want HOST:PORT/],
  [['agent', '--listen', '::1:9373'], /'::1:9373' is invalid\. Want HOST:PORT, \[HOST\]:PORT or :PORT/],
  [['controller', '--listen', ' :9374'], /' :9374' is invalid\. Want HOST:PORT/],
  [['controller', '--log-level', 'loud'], /Allowed choices are debug, info/],
  [['agent', '--log-format', 'xml'], /Allowed choices are auto, json, pretty/],
  [['agent', '--node-name', 'Node_1'], /'Node_1' is invalid\. Want the name of a Node/],
  [['agent', '--node-name', 'n'.repeat(254)], /Want the name of a Node/],
  [['agent', '--lease-duration', '2500ms'], /Want a duration in whole seconds/],
  [['agent', '--lease-duration', '15'], /'15' is invalid\. Want a duration in whole seconds from 3s/],
  [['agent', '--lease-duration=-15s'], /'-15s' is invalid\. Want a duration in whole seconds/],
  [['agent', '--lease-renew-interval', '100ms'], /'100ms' is invalid\. Want a duration from 500ms/],
  [['agent', '--lease-renew-interval', 'soon'], /'soon' is invalid\. Want a duration from 500ms/],
  [['agent', '--heartbeat-interval', '9ms'], /Want a duration from 10ms to 1s/],
  [['agent', '--heartbeat-interval', '1.1s'], /Want a duration from 10ms to 1s/],
  [['agent', '--proxy-health', 'on'], /Allowed choices are Auto, Required, Off/],
  [['agent', '--heartbeat-interval', '100'], /Want a duration from 10ms to 1s/],
  [['agent', '--heartbeat-multiplier', '1'], /Want a whole number from 2 to 10/],
  [['agent', '--heartbeat-multiplier', '11'], /Want a whole number from 2 to 10/],
  [['agent', '--heartbeat-multiplier', '2.5'], /Want a whole number from 2 to 10/],
  [['controller', '--replacement-overlap', '25h'], /Want a duration from 0 to 24h/],
  [['controller', '--replacement-overlap', 'soon'], /Want a duration from 0 to 24h/],
  [['agent', '--hang-timeout', '999ms'], /Want a duration from 1s to 60s/],
  [['agent', '--hang-timeout', '61s'], /Want a duration from 1s to 60s/],
  [['agent', '--hang-timeout', 'never'], /Want a duration from 1s to 60s/],
  [['agent', '--startup-grace', '999ms'], /Want a duration from 1s to 300s/],
  [['agent', '--startup-grace', '301s'], /Want a duration from 1s to 300s/],
  [['agent', '--lease-renew-interval', '11s'], /too long for the Lease's duration: want 10s or less/],
  [['controller', '--default-class', 'example.com/lb'], /too many arguments/],
  [['controller', '--rebalance', 'slow'], /'slow' is invalid\. Allowed choices are Off, Slow/],
  [['controller', '--load-balancer-class', 'a//b'], /'a\/\/b' is invalid\. Want a class/],
  [['controller', '--load-balancer-class', ''], /'' is invalid\. Want a class such as fairlead\.io\/lb/],
];

const EXEC = { apiVersion: 'client.authentication.k8s.io/v1', command: '/none', interactiveMode: 'Never' };

/** What replaces the parts of a good kubeconfig, and what is said then: by both programs if no program is named. */
const KUBECONFIGS: readonly {
  readonly title: string;
  readonly parts: Readonly<Record<string, unknown>>;
  readonly said: RegExp;
  readonly only?: 'agent' | 'controller';
}[] = [
  {
    title: 'no current-context',
    parts: { 'current-context': undefined },
    said: /current-context "": want a name/,
  },
  {
    title: 'another context',
    parts: { 'current-context': 'work' },
    said: /contexts "work": no entry of this name/,
  },
  { title: 'no cluster', parts: { clusters: [] }, said: /clusters "here": no entry of this name/ },
  { title: 'no user', parts: { users: null }, said: /users "me": no entry of this name/ },
  {
    title: 'a server without scheme',
    parts: cluster('10.0.0.1:6443'),
    said: /"10.0.0.1:6443": want a URL with https/,
  },
  {
    title: 'an authority that is not there',
    parts: cluster('https://127.0.0.1:1', { 'certificate-authority': 'none.pem' }),
    said: /certificate-authority: ".*none\.pem": ENOENT/,
  },
  {
    title: 'a client certificate that is not there',
    parts: user({ 'client-certificate': 'none.pem', 'client-key': 'none.pem' }),
    said: /client-certificate: ".*none\.pem": ENOENT/,
  },
  {
    title: 'a client certificate that is a directory',
    parts: user({ 'client-certificate': '.', 'client-key': '.' }),
    said: /client-certificate: ".*": EISDIR/,
  },
  {
    title: 'an empty token file',
    parts: user({ tokenFile: 'empty' }),
    said: /token ".*empty": empty: want a bearer token/,
  },
  {
    title: 'a password',
    parts: user({ username: 'a', password: 'b' }),
    said: /user\.username: not supported/,
  },
  {
    title: 'a plugin',
    parts: user({ exec: EXEC }),
    said: /user\.exec: a plugin is not for this program/,
    only: 'agent',
  },
  {
    title: 'a plugin that is not there',
    parts: user({ exec: EXEC }),
    said: /user\.exec: the plugin failed: spawn \/none ENOENT/,
    only: 'controller',
  },
  {
    title: 'a plugin that fails',
    parts: user({ exec: { ...EXEC, command: 'sh', args: ['-c', 'echo log in first >&2; exit 1'] } }),
    said: /user\.exec: the plugin failed: log in first/,
    only: 'controller',
  },
  {
    title: 'an auth provider that is not complete',
    parts: user({ 'auth-provider': { name: 'gcp' } }),
    said: /user\.auth-provider: the plugin failed: its entry is not complete/,
    only: 'controller',
  },
];

function cluster(server: string, fields: object = {}): Readonly<Record<string, unknown>> {
  return { clusters: [{ name: 'here', cluster: { server, ...fields } }] };
}

function user(fields: object): Readonly<Record<string, unknown>> {
  return { users: [{ name: 'me', user: fields }] };
}

describe('a mistake', { concurrency: 2 }, () => {
  const bundle = new Bundle();
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-mistakes-'));
  const file = (name: string): string => join(folder, name);

  before(async () => {
    await bundle.build();
    writeFileSync(file('good'), kubeconfig({}));
    writeFileSync(file('empty'), '');
    writeFileSync(file('flow'), 'a: [1, 2');
    writeFileSync(file('list'), '- a');
    writeFileSync(file('binary'), Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 167) % 256)));
    symlinkSync(file('loop'), file('loop'));
    mkdirSync(file('folder'));
  });
  after(() => {
    bundle.remove();
    rmSync(folder, { recursive: true });
  });

  const kubeconfig = (parts: Readonly<Record<string, unknown>>): string =>
    stringify({
      'current-context': 'here',
      contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
      ...cluster('https://127.0.0.1:1'),
      ...user({ token: 'secret' }),
      ...parts,
    });

  function assertOneLine({ code, stdout, stderr }: Ended, expected: number, said: RegExp): void {
    assert.deepEqual([code, stdout], [expected, ''], stderr);
    assert.match(stderr, /^fairlead: [^\n]+\n$/);
    assert.match(stderr, said);
  }

  for (const [args, said] of USAGE) {
    test(`usage: fairlead ${args.join(' ').slice(0, 60)}`, async () => {
      assertOneLine(await bundle.run(...args), 2, said);
    });
  }

  test('usage: NODE_NAME that can not be the name of a Node', async () => {
    const ended = await bundle.start(['agent'], ['env', 'NODE_NAME=Node 1']).ended;
    assertOneLine(ended, 2, /'--node-name <name>' value 'Node 1' from env 'NODE_NAME' is invalid/);
  });

  test('usage: a host name that can not be the name of a Node', requirement('root'), async () => {
    const prefix = [
      'unshare',
      '-u',
      'sh',
      '-c',
      'echo my_host > /proc/sys/kernel/hostname && exec "$@"',
      'sh',
    ];
    const ended = await bundle.start(['agent'], prefix).ended;
    assertOneLine(
      ended,
      2,
      /'--node-name' is not given, and the host name 'my_host' can not be that of a Node/,
    );
  });

  for (const command of ['agent', 'controller']) {
    for (const [name, said] of [
      ['none', /^fairlead: read kubeconfig ".*none": ENOENT/],
      ['folder', /^fairlead: read kubeconfig ".*folder": EISDIR/],
      ['loop', /^fairlead: read kubeconfig ".*loop": ELOOP/],
      ['good/deeper', /^fairlead: read kubeconfig ".*deeper": ENOTDIR/],
      ['empty', /^fairlead: kubeconfig ".*empty": want a mapping/],
      ['list', /^fairlead: kubeconfig ".*list": want a mapping/],
      ['flow', /^fairlead: read kubeconfig ".*flow": .*at line 1, column \d+\n$/],
      ['binary', /^fairlead: (read )?kubeconfig ".*binary": /],
    ] as const) {
      test(`${command}: the kubeconfig ${name}`, async () => {
        assertOneLine(await bundle.run(command, '--kubeconfig', file(name)), 3, said);
      });
    }

    for (const { title, parts, said } of KUBECONFIGS.filter(({ only }) => (only ?? command) === command)) {
      test(`${command}: a kubeconfig with ${title}`, async () => {
        const path = file(`${command} ${title}`);
        writeFileSync(path, kubeconfig(parts));
        assertOneLine(await bundle.run(command, '--kubeconfig', path), 3, said);
      });
    }

    test(`${command}: outside of a cluster, without a kubeconfig`, async () => {
      const ended = await bundle.start([command], ['env', '-u', 'KUBERNETES_SERVICE_HOST']).ended;
      assertOneLine(ended, 3, /KUBERNETES_SERVICE_HOST: not set, .*want --kubeconfig PATH/);
    });

    test(`${command}: in a Pod without a service account`, requirement('root'), async () => {
      const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /var/run && exec "$@"', 'sh'];
      const environment = ['env', 'KUBERNETES_SERVICE_HOST=10.96.0.1', 'KUBERNETES_SERVICE_PORT=443'];
      const ended = await bundle.start([command], [...environment, ...hidden]).ended;
      assertOneLine(ended, 3, /read service account CA "\/var\/run\/.*ca\.crt": ENOENT/);
    });

    for (const [listen, said] of [
      [
        '192.0.2.1:9373',
        /^fairlead: listen on "192\.0\.2\.1:9373": the address is not one of this host; choose/,
      ],
      [
        'no.such.invalid:9373',
        /^fairlead: listen on "no\.such\.invalid:9373": getaddrinfo .*; choose another/,
      ],
    ] as const) {
      test(`${command}: --listen ${listen}`, async () => {
        assertOneLine(await bundle.run(command, '--kubeconfig', file('good'), '--listen', listen), 3, said);
      });
    }

    test(`${command}: --listen with a port in use`, async () => {
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const bound = other.address();
      assert.ok(typeof bound === 'object' && bound !== null);
      const listen = `127.0.0.1:${bound.port}`;
      const ended = await bundle.run(command, '--kubeconfig', file('good'), '--listen', listen);
      other.close();
      assertOneLine(ended, 3, /^fairlead: listen on "127\.0\.0\.1:\d+": the port is in use; choose another/);
    });
  }

  test('agent: without the right to open packet sockets', requirement('root'), async () => {
    const args = ['agent', '--kubeconfig', file('good'), '--node-name', 'node1', '--listen', '127.0.0.1:0'];
    const ended = await bundle.start(args, ['setpriv', '--bounding-set=-net_raw']).ended;
    assertOneLine(ended, 3, /lacks the capability NET_RAW: want it in securityContext/);
  });
});
