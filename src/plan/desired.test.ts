// What a node wants to hold, by table and for all its reasons.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../net/address.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import { desiredAddress } from './desired.ts';

const advertisement = (...interfaces: string[]) => ({
  name: 'lan',
  l2: { interfaces, ping: true, bind: false },
});

function virtualIP(changes: Partial<VirtualIP> = {}): VirtualIP {
  const address = parseAddress('10.77.0.50');
  assert.ok(address);
  return {
    name: '10.77.0.50',
    uid: 'uid-1',
    resourceVersion: '7',
    createdAt: '2026-12-01T10:00:00Z',
    isDeleting: false,
    finalizers: ['fairlead.io/withdraw'],
    address,
    family: 'IPv4',
    pool: 'default',
    reservedFor: undefined,
    services: [{ namespace: 'web', name: 'shop', uid: 'uid-s', ports: [{ protocol: 'TCP', port: 80 }] }],
    candidates: ['node2', 'node1'],
    advertisements: [advertisement()],
    record: { holder: undefined, epoch: 0 },
    phase: 'Pending',
    conditions: [],
    ...changes,
  };
}

const CANDIDATE = { isHeld: false, isAble: false };

test('a candidate wants the address with everything the election needs', () => {
  assert.deepEqual(desiredAddress(virtualIP({ record: { holder: 'node2', epoch: 4 } }), 'node1', CANDIDATE), {
    uid: 'uid-1',
    name: '10.77.0.50',
    address: '10.77.0.50',
    candidates: ['node2', 'node1'],
    record: { holder: 'node2', epoch: 4 },
    createdAt: 1_796_119_200,
    interfaces: [],
  });
});

const v6 = parseAddress('fd77::b');
assert.ok(v6);
const CASES: readonly { name: string; changes: Partial<VirtualIP>; wanted: boolean }[] = [
  { name: 'a candidate', changes: {}, wanted: true },
  { name: 'neither candidate nor holder', changes: { candidates: ['node2'] }, wanted: false },
  {
    name: 'the recorded holder that is no candidate any more',
    changes: { candidates: ['node2'], record: { holder: 'node1', epoch: 3 } },
    wanted: true,
  },
  { name: 'being deleted', changes: { isDeleting: true }, wanted: false },
  {
    name: 'being deleted while we are the recorded holder',
    changes: { isDeleting: true, record: { holder: 'node1', epoch: 3 } },
    wanted: false,
  },
  { name: 'IPv6', changes: { family: 'IPv6', address: v6 }, wanted: false },
  { name: 'used by no Service', changes: { services: [] }, wanted: false },
  { name: 'without advertisement', changes: { advertisements: [] }, wanted: false },
  { name: 'without candidates', changes: { candidates: [] }, wanted: false },
];

for (const { name, changes, wanted } of CASES) {
  test(`node1 ${wanted ? 'wants' : 'does not want'} an address: ${name}`, () => {
    assert.equal(desiredAddress(virtualIP(changes), 'node1', CANDIDATE) !== undefined, wanted);
  });
}

test('any other node that is able is the last resort, unless only nodes with endpoints are to hold it', () => {
  const resortOf = (changes: Partial<VirtualIP>) =>
    desiredAddress(virtualIP(changes), 'node1', { isHeld: false, isAble: true })?.isLastResort;
  const { services } = virtualIP();
  const local = services.map((service) => ({ ...service, local: true }));
  assert.equal(resortOf({ candidates: ['node2'] }), true);
  assert.equal(resortOf({}), undefined, 'a candidate');
  for (const changes of [{ services: local }, { services: [...services, ...local] }, { candidates: [] }])
    assert.equal(resortOf({ candidates: ['node2'], ...changes }), undefined);
});

test('interfaces are the union of all advertisements, and one without patterns allows all', () => {
  const interfaces = (...advertisements: ReturnType<typeof advertisement>[]) =>
    desiredAddress(virtualIP({ advertisements }), 'node1', CANDIDATE)?.interfaces;
  assert.deepEqual(interfaces(advertisement('eth*'), advertisement('bond0', 'eth*')), ['eth*', 'bond0']);
  assert.deepEqual(interfaces(advertisement('eth*'), advertisement()), []);
});

test('exactly candidates, recorded holders and those that hold it already want an address', () => {
  const nodes = fc.uniqueArray(fc.constantFrom('node1', 'node2', 'node3', 'node4'));
  const holder = fc.constantFrom(undefined, 'node1', 'node2');
  fc.assert(
    fc.property(nodes, holder, fc.boolean(), fc.boolean(), (candidates, holder, isDeleting, isHeld) => {
      const wanted = desiredAddress(
        virtualIP({ candidates, isDeleting, record: { holder, epoch: 1 } }),
        'node1',
        { isHeld, isAble: false },
      );
      const isConcerned = isHeld || candidates.includes('node1') || holder === 'node1';
      assert.equal(wanted !== undefined, isConcerned && !isDeleting);
    }),
  );
});
