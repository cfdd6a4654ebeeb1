// Wire workers of nodes whose kube-proxy does not do its work: addresses go to those whose does, and stay where they are
// if there is none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLan } from '../../test/fake/fake-lan.ts';
import type { DataPlaneHealth } from './messages.ts';

const VIP = '10.77.0.50';

/** Node1 holds the address. Fails whenever nobody does. */
function lanOf(count: number): FakeLan {
  const lan = new FakeLan(count);
  lan.want(VIP);
  lan.pass(100);
  assert.deepEqual(lan.holders(VIP), ['node1']);
  lan.watch = () => assert.ok(lan.holders(VIP).length > 0, 'nobody answers');
  return lan;
}

function say(lan: FakeLan, number: number, health: DataPlaneHealth): void {
  lan.node(number).wire.send({ kind: 'data-plane', health });
}

test('the address goes to a healthy node at once, and does not come back', () => {
  const lan = lanOf(3);
  say(lan, 2, 'Unhealthy');
  say(lan, 1, 'Unhealthy');
  lan.pass(200);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node3'], 'node3 2']);
  const news = lan
    .node(3)
    .wire.all('log')
    .map(({ message }) => message);
  assert.ok(news.includes('kube-proxy of a peer is not healthy'));
  say(lan, 1, 'Healthy');
  say(lan, 2, 'Healthy');
  lan.pass(10_000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node3'], 'node3 2']);
});

test('where all are unhealthy the holder answers on, until one is healthy again', () => {
  const lan = lanOf(3);
  for (const number of [1, 2, 3]) say(lan, number, 'Unhealthy');
  lan.pass(20_000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
  say(lan, 3, 'Healthy');
  lan.pass(500);
  assert.deepEqual(lan.holders(VIP), ['node3']);
});

test('a holder that is healthy again while nobody else was has never lost it', () => {
  const lan = lanOf(2);
  say(lan, 2, 'Unhealthy');
  say(lan, 1, 'Unhealthy');
  lan.pass(5000);
  say(lan, 1, 'Healthy');
  lan.pass(5000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
});

test('one that recovers keeps what it holds, and takes nothing from another one that does', () => {
  const lan = lanOf(3);
  for (const number of [1, 2, 3]) say(lan, number, 'Unhealthy');
  lan.pass(5000);
  say(lan, 2, 'Recovering');
  lan.pass(1000);
  say(lan, 1, 'Recovering');
  lan.pass(1000);
  say(lan, 2, 'Healthy');
  lan.pass(5000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
});

test('of three that claim in the same instant one is left, within a few heartbeats', () => {
  const lan = lanOf(5);
  for (const number of [1, 2, 3, 4, 5]) say(lan, number, 'Unhealthy');
  lan.pass(5000);
  for (const number of [2, 3, 4, 5]) say(lan, number, 'Healthy');
  lan.pass(500);
  assert.equal(lan.holders(VIP).length, 1);
  const epoch = Number(lan.record(VIP).split(' ')[1]);
  assert.ok(epoch < 8, `${epoch}`);
});
