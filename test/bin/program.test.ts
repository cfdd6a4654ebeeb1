// The built program from outside: help, versions, usage and configuration errors with their exit codes.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Bundle } from './bundle.ts';

const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {token: secret}}]
`;

describe('the program', () => {
  const bundle = new Bundle();
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-program-'));
  const kubeconfig = join(folder, 'kubeconfig');
  let built = '';

  before(async () => {
    writeFileSync(kubeconfig, KUBECONFIG);
    built = await bundle.build();
  });
  after(() => {
    bundle.remove();
    rmSync(folder, { recursive: true });
  });

  test('the build makes both files', () => {
    assert.match(built, /fairlead\.js$/m);
    assert.match(built, /wire-worker\.js$/m);
  });

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const { code, stdout } = await bundle.run('--version');
    assert.deepEqual([code, stdout.trim()], [0, version]);
  });

  test('--help names the commands and the exit codes', async () => {
    const { code, stdout, stderr } = await bundle.run('--help');
    assert.deepEqual([code, stderr], [0, '']);
    for (const word of ['controller', 'agent', '--version', '5 forbidden'])
      assert.ok(stdout.includes(word), word);
  });

  for (const [command, flags] of [
    ['agent', ['--node-name', '--lease-duration', '--lease-renew-interval', ':9373']],
    ['controller', ['--load-balancer-class', 'fairlead.io/lb', '--default-class', ':9374']],
  ] as const) {
    test(`${command} --help names every flag`, async () => {
      const { code, stdout } = await bundle.run(command, '--help');
      assert.equal(code, 0);
      const common = ['--kubeconfig', '--namespace', '--listen', '--log-level', '--log-format'];
      for (const flag of [...common, ...flags]) assert.ok(stdout.includes(flag), flag);
    });
  }

  const MISTAKES: readonly [readonly string[], RegExp][] = [
    [['agent', '--lisen', ':1'], /unknown option '--lisen' \(Did you mean --listen\?\)/],
    [['agnet'], /unknown command 'agnet' \(Did you mean agent\?\)/],
    [['agent', 'node1'], /too many arguments/],
    [['agent', '--listen', '9373'], /'9373' is invalid\. Want HOST:PORT/],
    [['agent', '--node-name', 'Node_1'], /'Node_1' is invalid\. Want the name of a Node/],
    [['agent', '--lease-duration', '2500ms'], /Want a duration in whole seconds/],
    [['agent', '--lease-renew-interval', '11s'], /want 10s or less/],
    [['controller', '--load-balancer-class', 'a//b'], /Want a class/],
    [['controller', '--default-class', 'example.com/lb'], /too many arguments/],
    [['controller', '--log-level', 'loud'], /Allowed choices are debug, info/],
    [['controller', '--node-name', 'node1'], /unknown option '--node-name'/],
  ];
  for (const [args, wanted] of MISTAKES) {
    test(`usage: fairlead ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await bundle.run(...args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, wanted);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    });
  }

  test('without a command it prints the help and says that this was none', async () => {
    const { code, stderr } = await bundle.run();
    assert.equal(code, 2);
    assert.match(stderr, /Usage: fairlead/);
  });

  for (const command of ['agent', 'controller']) {
    test(`${command}: a kubeconfig that can not be read is a configuration error`, async () => {
      const { code, stderr } = await bundle.run(command, '--kubeconfig', join(folder, 'none'));
      assert.equal(code, 3);
      assert.match(stderr, /^fairlead: read kubeconfig ".*none": ENOENT.*\n$/);
    });

    test(`${command}: a port in use is a configuration error`, async () => {
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const bound = other.address();
      assert.ok(typeof bound === 'object' && bound !== null);
      const listen = `127.0.0.1:${bound.port}`;
      const ended = await bundle.run(command, '--kubeconfig', kubeconfig, '--listen', listen);
      other.close();
      assert.equal(ended.code, 3);
      assert.match(ended.stderr, /^fairlead: listen on "127\.0\.0\.1:\d+": the port is in use; .*\n$/);
    });
  }
});
