// The built program from outside: help and versions. What it says to mistakes is in mistakes.test.ts.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Bundle } from './bundle.ts';

describe('the program', () => {
  const bundle = new Bundle();
  let built = '';

  before(async () => {
    built = await bundle.build();
  });
  after(() => {
    bundle.remove();
  });

  test('the build makes both files', () => {
    assert.match(built, /fairlead\.js$/m);
    assert.match(built, /wire-worker\.js$/m);
  });

  test('of Node the agent loads neither a second HTTP client nor the line editor', async () => {
    const hook = bundle.fileOf('loaded.cjs');
    writeFileSync(hook, "process.on('exit', () => console.error(process.moduleLoadList.join('\\n')));");
    const prefix = ['env', `NODE_OPTIONS=--require=${hook}`];
    const { stderr } = await bundle.start(['agent', '--kubeconfig', '/absent'], prefix).ended;
    const loaded = stderr.split('\n').filter((line) => line.startsWith('NativeModule '));
    assert.ok(loaded.includes('NativeModule tls'), stderr);
    const heavy = loaded.filter((line) => /undici|readline|repl|webstreams/.test(line));
    assert.deepEqual(heavy, []);
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
    [
      'agent',
      [
        ...['--node-name', '--lease-duration', '--lease-renew-interval', ':9373'],
        ...['--heartbeat-interval', '100ms', '--heartbeat-multiplier', '--hang-timeout', '2s'],
        ...['--startup-grace', '10s'],
      ],
    ],
    [
      'controller',
      [
        '--load-balancer-class',
        'fairlead.io/lb',
        '--default-class',
        '--rebalance',
        '--replacement-overlap',
        ':9374',
      ],
    ],
  ] as const) {
    test(`${command} --help names every flag`, async () => {
      const { code, stdout } = await bundle.run(command, '--help');
      assert.equal(code, 0);
      const common = ['--kubeconfig', '--namespace', '--listen', '--log-level', '--log-format'];
      for (const flag of [...common, ...flags]) assert.ok(stdout.includes(flag), flag);
    });
  }

  for (const args of [
    ['help', 'agent'],
    ['agent', '-h'],
  ]) {
    test(`fairlead ${args.join(' ')}: the help of a command`, async () => {
      const { code, stdout } = await bundle.run(...args);
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: fairlead agent/);
    });
  }

  test('without a command it prints the help and says that this was none', async () => {
    const { code, stderr } = await bundle.run();
    assert.equal(code, 2);
    assert.match(stderr, /Usage: fairlead/);
  });
});
