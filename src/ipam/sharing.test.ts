// Who may share an address with whom, who has to leave when that changes, and what a Service with a key is given.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  address,
  claim,
  give,
  poolOf,
  requestOf,
  STAYING,
  shown,
  tenant,
} from '../../test/arbitrary/ipam.ts';
import { AddressBook } from './address-book.ts';
import type { Decision } from './allocator.ts';
import type { AllocationRequest, HeldAddress } from './request.ts';
import { MAX_SHARERS, type SharingClaim, whyNotShared } from './sharing.ts';

const dns = (protocol: string, changes: Partial<SharingClaim> = {}): SharingClaim =>
  claim({ key: 'dns', ports: [`${protocol}/53`], ...changes });

const RULES: readonly [string, SharingClaim, SharingClaim, boolean, RegExp | undefined][] = [
  ['TCP/53 and UDP/53', dns('TCP'), dns('UDP'), false, undefined],
  ['the same port', dns('TCP'), dns('TCP'), false, /both use TCP\/53/],
  ['no key', claim(), dns('UDP'), false, /no sharing key/],
  ['no key on the other', dns('UDP'), claim(), false, /it has no sharing key/],
  ['another key', dns('TCP'), dns('UDP', { key: 'b' }), false, /its sharing key is "b", want "dns"/],
  ['Local and Cluster', dns('TCP', { localTo: 'app=a' }), dns('UDP'), false, /Cluster for both/],
  [
    'Local, other pods',
    dns('TCP', { localTo: 'app=a' }),
    dns('UDP', { localTo: 'app=b' }),
    false,
    /same selector/,
  ],
  [
    'Local, the same pods',
    dns('TCP', { localTo: 'app=a' }),
    dns('UDP', { localTo: 'app=a' }),
    false,
    undefined,
  ],
  [
    'two namespaces',
    dns('TCP'),
    dns('UDP', { namespace: 'b' }),
    false,
    /no pool of the address has sharing Cluster/,
  ],
  ['two namespaces, pool allows', dns('TCP'), dns('UDP', { namespace: 'b' }), true, /both have to name/],
  [
    'two namespaces, one of them allows',
    dns('TCP', { namespaces: ['b'] }),
    dns('UDP', { namespace: 'b' }),
    true,
    /both have to name/,
  ],
  [
    'two namespaces, both allow',
    dns('TCP', { namespaces: ['b'] }),
    dns('UDP', { namespace: 'b', namespaces: ['*'] }),
    true,
    undefined,
  ],
];
for (const [name, one, other, isAcrossNamespaces, want] of RULES) {
  test(`sharing, ${name}: ${want === undefined ? 'yes' : 'no'}`, () => {
    const found = whyNotShared(one, other, { isAcrossNamespaces });
    if (want === undefined) assert.equal(found, undefined);
    else assert.match(found ?? 'may share', want);
    const back = whyNotShared(other, one, { isAcrossNamespaces });
    assert.equal(back === undefined, want === undefined, 'whoever comes first');
  });
}

const POOL = poolOf(['10.0.0.1-10.0.0.9', 'fd77::1-fd77::9']);
function bookOf(): AddressBook {
  const book = new AddressBook();
  book.setPool('a', POOL);
  return book;
}

const first: HeldAddress = { address: address('10.0.0.1'), pool: 'a', isPublished: true, ...STAYING };
function ask(book: AddressBook, name: string, sharing: SharingClaim): Decision {
  return book.decide(claiming(book, name, sharing));
}

/** Has 10.0.0.1 already. */
const askHolding = (book: AddressBook, name: string, sharing: SharingClaim): Decision =>
  book.decide(claiming(book, name, sharing), [first]);

function claiming(book: AddressBook, name: string, sharing: SharingClaim): AllocationRequest {
  const request = requestOf(name, { sharing, namespace: sharing.namespace });
  book.setClaim(request.uid, sharing);
  return request;
}

test('a Service with a key is given an address that others share by it, or else a free one', () => {
  const book = bookOf();
  give(book, '10.0.0.1', tenant('other'));
  assert.equal(shown(ask(book, 'tcp', dns('TCP'))), '10.0.0.2 of a');
  give(book, '10.0.0.2', tenant('tcp'));
  assert.equal(shown(ask(book, 'udp', dns('UDP'))), '10.0.0.2 of a');
  give(book, '10.0.0.2', tenant('tcp'), tenant('udp'));
  assert.equal(shown(ask(book, 'more', dns('UDP'))), '10.0.0.3 of a');
  assert.equal(shown(ask(book, 'elsewhere', dns('SCTP', { namespace: 'b' }))), '10.0.0.3 of a');
});

test('an address of sharers, asked for by its address: by the rules only', () => {
  const book = bookOf();
  ask(book, 'tcp', dns('TCP'));
  give(book, '10.0.0.1', tenant('tcp'));
  const addresses = [{ value: address('10.0.0.1'), source: 'metallb.io/loadBalancerIPs' }];
  const asking = (sharing: SharingClaim) => book.decide(requestOf('late', { addresses, sharing }));
  assert.equal(shown(asking(dns('UDP'))), '10.0.0.1 of a');
  assert.deepEqual(asking(claim()).refusal, {
    code: 'AddressInUse',
    message:
      'metallb.io/loadBalancerIPs "10.0.0.1": the address is in use by Service web/tcp, want a free one, or the same ' +
      'fairlead.io/sharing-key on both',
  });
  assert.deepEqual(asking(dns('TCP')).refusal, {
    code: 'SharingKeyMismatch',
    message:
      'metallb.io/loadBalancerIPs "10.0.0.1": the address can not be shared with Service web/tcp: ' +
      'both use TCP/53, want different ports or protocols',
  });
});

for (const changer of ['tcp', 'udp']) {
  test(`of two sharers the one that changes its port leaves: ${changer}`, () => {
    const book = bookOf();
    const port = (name: string) => dns(name.toUpperCase());
    for (const name of ['tcp', 'udp']) ask(book, name, port(name));
    give(book, '10.0.0.1', tenant('tcp'), tenant('udp'));
    for (const name of ['tcp', 'udp']) assert.deepEqual(askHolding(book, name, port(name)).drop, []);
    const faithful = changer === 'tcp' ? 'udp' : 'tcp';
    const changed = askHolding(book, changer, port(faithful));
    assert.deepEqual(changed.drop, [first.address]);
    assert.equal(shown(changed), '10.0.0.2 of a');
    assert.deepEqual(askHolding(book, faithful, port(faithful)).keep, [first.address]);
  });
}

test('of two that can not share and that nobody has compared yet, the first in the list stays', () => {
  const book = bookOf();
  give(book, '10.0.0.1', tenant('one'), tenant('two'));
  for (const name of ['one', 'two']) book.setClaim(tenant(name).uid, dns('TCP'));
  assert.deepEqual(askHolding(book, 'two', dns('TCP')).drop, [first.address]);
  assert.deepEqual(askHolding(book, 'one', dns('TCP')).keep, [first.address]);
});

test('a sharer that is not known takes nothing from who has the address with it, and lets nobody new in', () => {
  for (const tenants of [
    ['gone', 'here'],
    ['here', 'gone'],
  ]) {
    const book = bookOf();
    give(book, '10.0.0.1', ...tenants.map((name) => tenant(name)));
    assert.deepEqual(askHolding(book, 'here', dns('TCP')).keep, [first.address]);
    assert.equal(shown(ask(book, 'new', dns('UDP'))), '10.0.0.2 of a');
    give(book, '10.0.0.1', tenant('here'));
    assert.equal(shown(ask(book, 'newer', dns('UDP'))), '10.0.0.1 of a');
  }
});

test('who is alone on its address may change what it likes', () => {
  const book = bookOf();
  give(book, '10.0.0.1', tenant('shop'));
  for (const sharing of [claim(), dns('TCP'), dns('UDP', { key: 'other', localTo: 'app=a' })])
    assert.deepEqual(askHolding(book, 'shop', sharing).keep, [first.address]);
});

test('a shared address counts once in a quota', () => {
  const book = new AddressBook();
  book.setPool('a', poolOf(['10.0.0.1-10.0.0.9'], { quotaPerNamespace: 1 }));
  ask(book, 'tcp', dns('TCP'));
  give(book, '10.0.0.1', tenant('tcp'));
  assert.equal(shown(ask(book, 'udp', dns('UDP'))), '10.0.0.1 of a');
  assert.equal(shown(ask(book, 'lone', claim())), 'QuotaExceeded');
});

test(`an address has at most ${MAX_SHARERS} sharers`, () => {
  const book = bookOf();
  const names = Array.from({ length: MAX_SHARERS }, (_, i) => `s${i}`);
  for (const [i, name] of names.entries())
    book.setClaim(tenant(name).uid, dns('TCP', { ports: [`TCP/${i + 1}`] }));
  give(book, '10.0.0.1', ...names.map((name) => tenant(name)));
  assert.equal(shown(ask(book, 'late', dns('UDP'))), '10.0.0.2 of a');
  assert.deepEqual(askHolding(book, 's0', dns('TCP', { ports: ['TCP/1'] })).keep, [first.address]);
});

test('a Service that is given a key while it has an address is joined there', () => {
  const book = bookOf();
  give(book, '10.0.0.1', tenant('tcp'));
  askHolding(book, 'tcp', claim());
  assert.equal(shown(ask(book, 'udp', dns('UDP'))), '10.0.0.2 of a');
  askHolding(book, 'tcp', dns('TCP'));
  assert.equal(shown(ask(book, 'udp', dns('UDP'))), '10.0.0.1 of a');
});

test('one pool of an address with sharing Cluster is enough, whatever other pools say', () => {
  const book = bookOf();
  book.setPool('b', poolOf(['10.0.0.1'], { sharing: 'Cluster' }));
  book.setPool('c', poolOf(['10.9.9.9']));
  const all = { namespaces: ['*'] };
  ask(book, 'tcp', dns('TCP', all));
  give(book, '10.0.0.1', tenant('tcp'));
  assert.equal(shown(ask(book, 'udp', dns('UDP', { ...all, namespace: 'other' }))), '10.0.0.1 of a');
  book.setPool('b', undefined);
  assert.equal(shown(ask(book, 'udp', dns('UDP', { ...all, namespace: 'other' }))), '10.0.0.2 of a');
});

test('a sharer that goes lets in who waited for it', () => {
  const book = bookOf();
  ask(book, 'tcp', dns('TCP'));
  ask(book, 'udp', dns('UDP'));
  give(book, '10.0.0.1', tenant('tcp'), tenant('udp'));
  const tenancy = { kind: 'virtual-ip', services: [tenant('udp')], reservedFor: undefined } as const;
  assert.equal(book.hold('VirtualIP 10.0.0.1', [address('10.0.0.1')], tenancy), true);
  assert.equal(shown(ask(book, 'late', dns('TCP'))), '10.0.0.1 of a');
});
