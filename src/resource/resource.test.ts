// Our kinds from unknown input: the value or every problem, never an exception.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Address, BITS, type Family, formatAddress, parseAddress } from '../net/address.ts';
import { parseAddressPool, readAddressPoolStatus } from './address-pool.ts';
import { parseAnnouncer } from './announcer.ts';
import { type Condition, withCondition } from './condition.ts';
import { formatProblems, type Parsed } from './parsed.ts';
import { parseVirtualIP, virtualIPName } from './virtual-ip.ts';

const metadata = {
  name: '10.77.0.50',
  uid: 'u1',
  resourceVersion: '7',
  creationTimestamp: '2026-12-01T10:00:00Z',
};
const spec = { address: '10.77.0.50', family: 'IPv4' };

function value<T>(parsed: Parsed<T>): T {
  if (parsed.kind === 'problems') assert.fail(formatProblems(parsed.problems));
  return parsed.value;
}

const problemsOf = (parsed: Parsed<unknown>): string =>
  parsed.kind === 'problems' ? formatProblems(parsed.problems) : 'no problem';

test('a VirtualIP with nothing but its address is unheld and pending', () => {
  const { record, phase, candidates, services, isDeleting } = value(parseVirtualIP({ metadata, spec }));
  assert.deepEqual(
    { record, phase, candidates, services, isDeleting },
    {
      record: { holder: undefined, epoch: 0 },
      phase: 'Pending',
      candidates: [],
      services: [],
      isDeleting: false,
    },
  );
});

test('a VirtualIP with everything', () => {
  const services = [{ namespace: 'web', name: 'shop', uid: 's1', ports: [{ protocol: 'TCP', port: 80 }] }];
  const condition = {
    type: 'Announced',
    status: 'True',
    reason: 'Elected',
    message: 'm',
    lastTransitionTime: 't',
  };
  const parsed = value(
    parseVirtualIP({
      metadata: {
        ...metadata,
        finalizers: ['fairlead.io/withdraw'],
        deletionTimestamp: '2026-12-01T11:00:00Z',
      },
      spec: {
        ...spec,
        pool: 'default',
        services,
        candidates: ['n2'],
        advertisements: [{ name: 'lan', l2: {} }],
      },
      status: { holder: 'n2', epoch: 4, phase: 'Announced', since: 'now', conditions: [condition] },
    }),
  );
  assert.partialDeepStrictEqual(parsed, {
    address: { family: 'IPv4', value: 0x0a4d0032n },
    isDeleting: true,
    services,
    advertisements: [{ name: 'lan', l2: { interfaces: [], ping: true, bind: false } }],
    record: { holder: 'n2', epoch: 4 },
    since: 'now',
    conditions: [condition],
  });
});

test('a holder that is no candidate of the spec that it claimed by is the last resort', () => {
  const isLastResort = (observedGeneration: number, candidates: readonly string[], holder = 'n2') => {
    const status = { holder, epoch: 4, observedGeneration };
    return value(
      parseVirtualIP({ metadata: { ...metadata, generation: 3 }, spec: { ...spec, candidates }, status }),
    ).isLastResort;
  };
  assert.equal(isLastResort(3, ['n1']), true);
  assert.equal(isLastResort(2, ['n1']), undefined, 'it was planned away from it since');
  assert.equal(isLastResort(3, ['n1', 'n2']), undefined);
  assert.equal(isLastResort(3, []), undefined);
  assert.equal(isLastResort(3, ['n1'], ''), undefined);
});

test('all problems are found at once, each with its place', () => {
  const services = [{ namespace: 'web', name: '', uid: 1, ports: [{ protocol: 'ICMP', port: 0 }] }];
  const parsed = parseVirtualIP({
    metadata,
    spec: { address: '10.1', family: 'IPv5', services, candidates: 'n1' },
  });
  assert.equal(
    problemsOf(parsed),
    'spec.address "10.1": want an IP address; spec.family "IPv5": want IPv4 or IPv6; ' +
      'spec.services[0].name "": want a name; spec.services[0].uid 1: want a name; ' +
      'spec.services[0].ports[0].protocol "ICMP": want TCP or UDP or SCTP; ' +
      'spec.services[0].ports[0].port 0: want a whole number from 1 to 65535; spec.candidates "n1": want a list',
  );
});

const REFUSED = [
  { object: undefined, problem: 'object (absent): want an object' },
  {
    object: { metadata, spec: { ...spec, address: 'fd77::b' } },
    problem: 'spec.family "IPv4": want IPv6, the family of spec.address',
  },
  {
    object: { metadata, spec: { ...spec, address: '10.77.0.51' } },
    problem: 'metadata.name "10.77.0.50": want 10.77.0.51, the name of its address',
  },
];
for (const { object, problem } of REFUSED) {
  test(`no VirtualIP: ${problem}`, () => assert.equal(problemsOf(parseVirtualIP(object)), problem));
}

test('a pool names every range that is wrong', () => {
  const addresses = ['10.0.0.0/30', '10.0.0.9-10.0.0.1', '10.1', '10.0.0.1/30', 5];
  const parsed = parseAddressPool({ metadata: { ...metadata, name: 'default' }, spec: { addresses } });
  const text = problemsOf(parsed);
  for (const wanted of [
    '[1] "10.0.0.9-10.0.0.1": want first <= last',
    '[2] "10.1"',
    '10.0.0.0/30',
    '[4] 5',
  ]) {
    assert.ok(text.includes(wanted), `${wanted} in ${text}`);
  }
  assert.ok(!text.includes('[0]'));
});

test('a pool of addresses that nobody can be reached at says which those are', () => {
  const addresses = ['0.0.0.0/0', '10.0.0.0/30', '126.0.0.1-128.0.0.1', 'fe80::1'];
  const parsed = parseAddressPool({ metadata: { ...metadata, name: 'default' }, spec: { addresses } });
  assert.equal(
    problemsOf(parsed),
    'spec.addresses[0] "0.0.0.0/0": want nothing of 0.0.0.0/8 (this host or network, RFC 1122 section 3.2.1.3); ' +
      'spec.addresses[2] "126.0.0.1-128.0.0.1": want nothing of 127.0.0.0/8 (loopback, RFC 1122 section 3.2.1.3); ' +
      'spec.addresses[3] "fe80::1": want nothing of fe80::/10 (link-local, RFC 4291 section 2.5.6)',
  );
});

test('an empty pool is a problem, an unreadable status of one is none', () => {
  const pool = { metadata: { ...metadata, name: 'default' }, spec: { addresses: [] }, status: { ipv4: 5 } };
  assert.equal(problemsOf(parseAddressPool(pool)), 'spec.addresses []: want at least one address');
  assert.deepEqual(readAddressPoolStatus(pool).conditions, []);
});

test('an Announcer that has not reported yet has no links and no segments', () => {
  const announcer = value(parseAnnouncer({ metadata: { ...metadata, name: 'n1' } }));
  assert.deepEqual([announcer.links, announcer.segments], [[], []]);
  const peers = [{ node: 'node2', state: 'PathLost' }];
  const segments = [{ link: 'eth0', gateways: ['10.0.0.1', 'fd77::1'], peers }, { link: 'eth1' }];
  assert.deepEqual(value(parseAnnouncer({ metadata, status: { segments } })).segments, [
    segments[0],
    { link: 'eth1', gateways: [], peers: [] },
  ]);
  const links = [
    { name: 'eth0', index: 2, mac: '02:00:00:00:00:0b', state: 'Up', mtu: 1500, addresses: ['10.0.0.1/24'] },
  ];
  assert.deepEqual(value(parseAnnouncer({ metadata, status: { links, held: 3 } })).links, links);
});

const anyAddress: fc.Arbitrary<Address> = fc
  .constantFrom<Family>('IPv4', 'IPv6')
  .chain((family) => fc.bigInt(0n, (1n << BigInt(BITS[family])) - 1n).map((value) => ({ family, value })));

test('the name of every address is a valid object name, and names that address only', () => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      const name = virtualIPName(address);
      assert.match(name, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
      assert.ok(name.length <= 39);
      const text = address.family === 'IPv4' ? name : name.replaceAll('-', ':');
      // The mapped addresses of RFC 4291 section 2.5.5.2 have no text that we read.
      if (address.value >> 32n === 0xffffn) return;
      assert.deepEqual(parseAddress(text), address);
      const object = {
        metadata: { ...metadata, name },
        spec: { address: formatAddress(address), family: address.family },
      };
      assert.deepEqual(value(parseVirtualIP(object)).address, address);
    }),
  );
});

test('whatever stands in place of any field: a value or problems, never an exception', () => {
  const whole = {
    metadata: { ...metadata, finalizers: ['f'] },
    spec: {
      ...spec,
      addresses: ['10.0.0.1'],
      services: [{ namespace: 'a', name: 'b', uid: 'c', ports: [] }],
    },
    status: { holder: 'n', epoch: 1, links: [{ name: 'eth0' }], conditions: [{ type: 'A' }], ipv4: {} },
  };
  const paths = [
    ['metadata'],
    ['spec'],
    ['status'],
    ['metadata', 'name'],
    ['spec', 'address'],
    ['spec', 'addresses'],
    ['spec', 'services'],
    ['status', 'epoch'],
    ['status', 'links'],
    ['status', 'conditions'],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      const object = structuredClone(whole) as Record<string, Record<string, unknown>>;
      const [part = '', field] = path;
      if (field === undefined) object[part] = value as Record<string, unknown>;
      else (object[part] ?? {})[field] = value;
      for (const parse of [parseVirtualIP, parseAddressPool, parseAnnouncer]) {
        const parsed = parse(object);
        if (parsed.kind === 'problems')
          assert.ok(parsed.problems.length > 0 && formatProblems(parsed.problems) !== '');
      }
      readAddressPoolStatus(object);
    }),
  );
});

const ready: Condition = {
  type: 'Ready',
  status: 'True',
  reason: 'Valid',
  message: '',
  lastTransitionTime: 'then',
};

test('a condition that says the same is the same array, so that nothing is written', () => {
  const conditions = [ready];
  const { lastTransitionTime, ...same } = ready;
  assert.equal(lastTransitionTime, 'then');
  assert.equal(withCondition(conditions, same, 'now'), conditions);
});

test('the time of a condition moves with its status only', () => {
  const { lastTransitionTime, ...rest } = ready;
  assert.deepEqual(withCondition([ready], { ...rest, message: 'm' }, 'now'), [
    { ...ready, message: 'm', lastTransitionTime },
  ]);
  assert.deepEqual(withCondition([ready], { ...rest, status: 'False' }, 'now'), [
    { ...ready, status: 'False', lastTransitionTime: 'now' },
  ]);
  assert.deepEqual(withCondition([ready], { ...rest, type: 'Other' }, 'now'), [
    ready,
    { ...ready, type: 'Other', lastTransitionTime: 'now' },
  ]);
});
