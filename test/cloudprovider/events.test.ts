// What the events of a Service say, and how often.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bedOf } from './bed.ts';

test('events name every address: where it is from, who answers for it, and that it is outside of its pool', async () => {
  const bed = bedOf('10.77.0.50');
  const { events } = await bed.start();
  bed.createService('shop');
  await bed.settle();
  events.length = 0;
  bed.pool('second', '10.77.0.60-10.77.0.61');
  bed.createService('pair', {}, { annotations: { 'fairlead.io/count': '2' } });
  await bed.settle();
  const [one, two] = bed.virtualIPs().filter(({ pool }) => pool === 'second');
  assert.deepEqual(events, [
    'Normal EnsuredLoadBalancer web/pair: 10.77.0.60 from pool second, 10.77.0.61 from pool second',
    `Normal UpdatedLoadBalancer web/pair: 10.77.0.60 is announced by ${one?.record.holder}, ` +
      `10.77.0.61 is announced by ${two?.record.holder}`,
  ]);
  bed.pool('default', '10.77.0.99');
  await bed.settle();
  assert.equal(events.length, 3);
  assert.match(events[2] ?? '', /^Warning OutsidePool web\/shop: 10\.77\.0\.50 is in no AddressPool/);
});

test('of two families the node of the one that can be announced is told', async () => {
  const bed = bedOf('10.77.0.50', 'fd77::50');
  const { events } = await bed.start();
  bed.createService('shop', { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' });
  await bed.settle();
  const holder = bed.virtualIPs()[0]?.record.holder;
  assert.deepEqual(events, [
    'Normal EnsuredLoadBalancer web/shop: 10.77.0.50 from pool default',
    `Normal UpdatedLoadBalancer web/shop: 10.77.0.50 is announced by ${holder}`,
  ]);
});

test('what is enough is no failure, and who had nothing loses nothing', async () => {
  const bed = bedOf('10.77.0.50');
  const { events, refused } = await bed.start();
  bed.createService('shop', { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' });
  await bed.settle();
  const told = events.map((event) => event.split(' ').slice(0, 2).join(' '));
  assert.deepEqual(told, ['Normal EnsuredLoadBalancer', 'Normal UpdatedLoadBalancer']);
  assert.deepEqual(refused, []);
  bed.createService('late');
  await bed.settle();
  events.length = 0;
  bed.deleteService('late');
  await bed.settle();
  assert.deepEqual([bed.hasService('late'), events], [false, []]);
});

test('a withdrawal is told once, also against a claim that comes in between, and what becomes of the address', async () => {
  const bed = bedOf();
  const { api, events } = await bed.start();
  bed.createService('shop');
  bed.createService('kept', {}, { annotations: { 'fairlead.io/retain': 'true' } });
  await bed.settle();
  events.length = 0;
  api.before = ({ verb, plural }) => {
    if (verb !== 'delete' || plural !== 'virtualips') return;
    api.recover();
    bed.claim('10.77.0.50', 'n2');
  };
  bed.deleteService('shop');
  await bed.settle();
  bed.deleteService('kept');
  await bed.settle();
  assert.deepEqual(events, [
    'Normal DeletingLoadBalancer web/shop: withdrawing 10.77.0.50',
    'Normal DeletedLoadBalancer web/shop: the address is free again',
    'Normal DeletingLoadBalancer web/kept: withdrawing 10.77.0.51',
    'Normal DeletedLoadBalancer web/kept: 10.77.0.51 is kept for a Service of this name',
  ]);
  bed.assertSound();
});
