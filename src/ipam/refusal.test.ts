// Every refusal has its place in the guide, with cause and cure, and nothing there is out of date.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as refusals from './refusal.ts';

const GUIDE = readFileSync(new URL('../../docs/guide/refusals.md', import.meta.url), 'utf8');
const asked = { source: 'fairlead.io/addresses', value: '10.0.0.1' };

/** One of each kind; the compiler sees to it that none is forgotten. */
const EXAMPLES: Readonly<Record<refusals.RefusalCode, readonly refusals.Refusal[]>> = {
  NoPool: [refusals.noPool(), refusals.noSuchPool({ source: 'fairlead.io/pool', value: 'x' }, ['a'])],
  PoolsExhausted: [1, 3].map((wanted) => refusals.exhausted('IPv6', [{ pool: 'a', total: 9n }], wanted)),
  FamilyUnavailable: [refusals.noPoolOfFamily('IPv6', ['a'])],
  AddressOutsidePools: [
    refusals.moreOfNoPool('10.0.0.1'),
    refusals.outsidePools(asked, ['a']),
    refusals.outsideNamedPool(asked, { source: 'fairlead.io/pool', value: 'x' }),
  ],
  AddressInUse: [
    refusals.inUse(asked, { by: 'Node n1' }),
    refusals.inUse(asked, { by: 'Service web/shop', isService: true }),
  ],
  AddressReserved: [refusals.reserved(asked, undefined), refusals.reserved(asked, 'web/shop')],
  SharingKeyMismatch: [refusals.notShared(asked, 'web/shop', 'both use TCP/80, want different ports')],
  NamespaceNotAllowed: [refusals.namespaceNotAllowed('web', ['a'])],
  ServiceNotSelected: [refusals.serviceNotSelected(['a'])],
  PoolDisabled: [refusals.poolDisabled(['a'])],
  PoolNotAutomatic: [refusals.poolNotAutomatic(['a'])],
  QuotaExceeded: [refusals.quotaExceeded('web', ['a'])],
  InvalidRequest: [refusals.invalidRequest(asked, 'another'), refusals.contradiction(asked, asked)],
};

test('the guide explains every code, and no other', () => {
  const explained = [...GUIDE.matchAll(/^## (\w+)$/gm)].map(([, code]) => code);
  assert.deepEqual(explained, Object.keys(refusals.RefusalCode), 'in the same order');
  for (const section of GUIDE.split(/^## /m).slice(1))
    assert.match(section, /\*\*Cause\.\*\* .*\*\*Cure\.\*\* /s);
});

for (const [code, examples] of Object.entries(EXAMPLES)) {
  test(`${code} names what is and what is wanted`, () => {
    for (const { code: own, message } of examples) {
      assert.equal(own, code);
      assert.match(message, /^(\S|there).*: .*(want|create|add)/);
      assert.doesNotMatch(message, /\.$|undefined|\[object/);
    }
  });
}

test('a long value and a long list are cut', () => {
  const { message } = refusals.invalidRequest({ source: 'x', value: 'y'.repeat(5000) }, 'less');
  assert.ok(message.length < 200, message);
  const names = Array.from({ length: 300 }, (_, i) => `pool-${i}`);
  assert.match(refusals.poolDisabled(names).message, /and 295 more/);
});
