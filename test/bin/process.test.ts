// The programs as processes, without a usable API: they go on trying, end on a signal, and say why they can not go on.
// The agent opens packet sockets, so it runs in a network namespace of its own that leads nowhere.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { requirement } from '../requirements.ts';
import { Bundle, type Running } from './bundle.ts';

/** The program may not take longer than this to end, whatever a busy machine does. */
const SOON = { timeout: 30_000 };

/** A network of its own: loopback, and a link on which nobody ever answers. */
const NOWHERE = ['unshare', '-n', 'sh', '-c'];
const LINKS =
  'ip link set lo up && ip link add silent type veth peer name other && ip addr add 10.9.0.1/24 dev silent && ' +
  'ip link set silent up && ip link set other up && exec "$@"';

describe('the processes', () => {
  const bundle = new Bundle();
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-process-'));

  before(async () => {
    await bundle.build();
  });
  after(() => {
    bundle.remove();
    rmSync(folder, { recursive: true });
  });

  function kubeconfig(server: string): string {
    const path = join(folder, 'kubeconfig');
    const clusters = [{ name: 'here', cluster: { server } }];
    const contexts = [{ name: 'here', context: { cluster: 'here', user: 'me' } }];
    const users = [{ name: 'me', user: { token: 'secret' } }];
    writeFileSync(path, JSON.stringify({ 'current-context': 'here', clusters, contexts, users }));
    return path;
  }

  function startAgent(server: string): Running {
    const args = [
      'agent',
      '--kubeconfig',
      kubeconfig(server),
      '--node-name',
      'node1',
      '--listen',
      '127.0.0.1:0',
      '--log-level',
      'debug',
    ];
    return bundle.start(args, [...NOWHERE, LINKS, 'sh']);
  }

  test('agent: without an API it goes on trying, and leaves on SIGTERM with 0', {
    ...SOON,
    ...requirement('root', 'ip'),
  }, async () => {
    const agent = startAgent('https://127.0.0.1:1');
    await agent.says(/"link":"silent".*"link found"/);
    await agent.says(/("API attempt failed".*){4}/s);
    agent.child.kill('SIGTERM');
    const { code, stdout, stderr } = await agent.ended;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /"result":"HandedOver".*"agent has left"/);
    assert.equal(stdout.match(/"API fails"/g)?.length, 1, 'an outage is told of once, not for each watch');
  });

  test('agent: a second signal ends it at once', { ...SOON, ...requirement('root', 'ip') }, async () => {
    // Nobody answers there, so giving the Lease back takes its full second.
    const agent = startAgent('https://10.9.0.2:6443');
    await agent.says(/"link":"silent".*"link found"/);
    agent.child.kill('SIGTERM');
    await agent.says(/"agent is leaving"/);
    agent.child.kill('SIGTERM');
    const { code, stdout } = await agent.ended;
    assert.equal(code, 1);
    assert.doesNotMatch(stdout, /"agent has left"/);
  });

  for (const [status, reason] of [
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
  ] as const) {
    test(`controller: what an API refuses with ${status} at first is waited for`, SOON, async () => {
      const server = createServer((_request, response) => {
        const body = { kind: 'Status', reason, message: 'cannot get resource "leases"', code: status };
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
      const path = kubeconfig(`http://127.0.0.1:${await listening(server)}`);
      const controller = bundle.start(['controller', '--kubeconfig', path, '--listen', '127.0.0.1:0']);
      await controller.says(new RegExp(`"level":"warn".*"${reason}".*cannot get resource`));
      controller.child.kill('SIGTERM');
      const { code, stderr } = await controller.ended;
      server.close();
      assert.deepEqual([code, stderr], [0, '']);
    });
  }

  test('controller: without an API it goes on trying, and ends on SIGTERM with 0', SOON, async () => {
    const args = ['controller', '--kubeconfig', kubeconfig('https://127.0.0.1:1'), '--listen', '127.0.0.1:0'];
    const controller = bundle.start(args);
    await controller.says(/"leader Lease".*"API fails"/);
    controller.child.kill('SIGTERM');
    const { code, stderr } = await controller.ended;
    assert.deepEqual([code, stderr], [0, '']);
  });
});

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      assert.ok(typeof bound === 'object' && bound !== null);
      resolve(bound.port);
    });
  });
}
