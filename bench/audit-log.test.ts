// What is read from an audit log, and whose requests are told apart.

import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { AuditEntry } from '../lab/cluster.ts';
import { AuditLog, accountOf, isOf, isOfLease, isWrite } from './audit-log.ts';

/** `VERB RESOURCE NAME` */
function entry(what: string, user = 'fairlead-controller'): AuditEntry {
  const [verb = '', resource = '', name = ''] = what.split(' ');
  return {
    verb,
    requestURI: `/${resource}/${name}`,
    user: { username: `system:serviceaccount:fairlead-system:${user}` },
    objectRef: { resource, name },
    requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
    stageTimestamp: '2026-01-01T00:00:00.001000Z',
  };
}

describe('audit log', () => {
  test('is read from its present end on, complete lines only', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'audit-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'audit.log');
    const [old, first, second] = ['a', 'b', 'ü'].map((name) => entry(`get services ${name}`));
    writeFileSync(path, `${JSON.stringify(old)}\n`);
    const log = new AuditLog(path);
    const rest = JSON.stringify(second);
    appendFileSync(path, `${JSON.stringify(first)}\n${rest.slice(0, 20)}`);
    assert.deepEqual(log.read(), [first]);
    assert.deepEqual(log.read(), []);
    appendFileSync(path, `${rest.slice(20)}\n`);
    assert.deepEqual(log.read(), [second]);
  });

  test('requests count for the Service that they are about, through its VirtualIP too', () => {
    const entries = [
      entry('patch services shop'),
      entry('create virtualips 10.0.0.1'),
      entry('patch virtualips 10.0.0.1', 'fairlead-agent'),
      entry('create events shop.0a1b'),
      entry('patch services other'),
      entry('patch addresspools default'),
      entry('patch addresspools default'),
    ];
    const addresses = new Map([
      ['shop', '10.0.0.1'],
      ['other', '10.0.0.2'],
    ]);
    assert.deepEqual(accountOf(entries, addresses), {
      requests: [3, 1],
      events: [1, 0],
      others: new Map([['patch addresspools', 2]]),
    });
  });

  test('programs, writes and Leases are told apart', () => {
    const renewal = entry('update leases fairlead-agent-node1', 'fairlead-agent');
    const list = entry('list services');
    assert.deepEqual(
      [isOf(renewal), isOf(renewal, 'agent'), isOf(renewal, 'controller')],
      [true, true, false],
    );
    assert.equal(isOf({ ...list, user: { username: 'lab-admin' } }), false);
    assert.deepEqual([isWrite(renewal), isWrite(list)], [true, false]);
    assert.deepEqual([isOfLease(renewal), isOfLease(list)], [true, false]);
  });
});
