// Lists that are parsed while they arrive: whatever they hold and wherever they are cut, as if parsed as a whole.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ListParser } from '../../src/kube/list-parser.ts';

/** Parsed in steps of `step` bytes from chunks of `size`. */
function parse(text: string, { step, size }: { readonly step: number; readonly size: number }): unknown {
  const parser = new ListParser(step);
  const bytes = new TextEncoder().encode(text);
  for (let i = 0; i < bytes.length; i += size) parser.add(bytes.subarray(i, i + size));
  return parser.end();
}

const CUTS = [1, 7, 60].flatMap((step) => [1, 64].map((size) => ({ step, size })));

function assertAsWhole(text: string): void {
  const whole = JSON.stringify(JSON.parse(text));
  for (const cut of CUTS) assert.equal(JSON.stringify(parse(text, cut)), whole);
}

/** As the API server writes its own kinds. */
const builtIn = (items: readonly unknown[]): string =>
  JSON.stringify({ kind: 'ServiceList', apiVersion: 'v1', metadata: { resourceVersion: '7' }, items });

/** As it writes custom resources: keys sorted, and each item with its kind. */
const custom = (items: readonly object[]): string =>
  JSON.stringify({
    apiVersion: 'fairlead.io/v1alpha1',
    items: items.map((item) => ({ apiVersion: 'fairlead.io/v1alpha1', kind: 'VirtualIP', ...item })),
    kind: 'VirtualIPList',
    metadata: { continue: 'abc', resourceVersion: '7' },
  });

const FORMS = { 'built-in': builtIn, custom } as const;

for (const [form, list] of Object.entries(FORMS)) {
  test(`${form}: any items come back`, () => {
    const item = fc.record({
      metadata: fc.record({ name: fc.string({ unit: 'binary' }) }),
      spec: fc.jsonValue(),
    });
    fc.assert(
      fc.property(fc.array(item), (items) => assertAsWhole(list(items))),
      { numRuns: 40 },
    );
  });

  test(`${form}: text that looks like what is between two items is text`, () => {
    const name = `"items":[},{"metadata":{},{"apiVersion":"fairlead.io/v1alpha1","kind":"VirtualIP","metadata":{`;
    assertAsWhole(list(Array.from({ length: 5 }, () => ({ metadata: { name }, spec: { [name]: name } }))));
  });

  test(`${form}: items that hold others of their kind`, () => {
    const inner = [{ metadata: { name: 'x' } }, { metadata: { name: 'y' } }];
    const item = { metadata: { name: 'a' }, spec: { templates: inner, more: JSON.parse(list(inner)) } };
    assertAsWhole(list([item, item, item, item]));
  });

  test(`${form}: most of a long list is parsed before its end`, (t) => {
    const items = Array.from({ length: 1000 }, (_, i) => ({ metadata: { name: `shop-${i}` } }));
    const parser = new ListParser(1000);
    const text = list(items);
    const parsed = t.mock.method(JSON, 'parse');
    parser.add(new TextEncoder().encode(text.slice(0, -100)));
    const sizes = parsed.mock.calls.map(({ arguments: [argument] }) => String(argument).length);
    assert.ok(Math.max(...sizes) > text.length / 2, String(sizes));
  });
}

const OTHERS = {
  'an empty list': builtIn([]),
  'items of null': '{"metadata":{"resourceVersion":"7"},"items":null}',
  'no list': '{"kind":"Status","metadata":{},"status":"Failure"}',
  'items that are no objects': '{"items":[1,"two",[3],{"metadata":{}},null,{"metadata":{}},{"metadata":{}}]}',
  'a list within': `{"a":{"items":[{"metadata":{}},{"metadata":{}}]},"items":[{"metadata":{"name":"b"}}]}`,
  'spaces and lines': JSON.stringify(JSON.parse(builtIn([{ metadata: {} }, { metadata: {} }])), null, 2),
  'what is no JSON object': '"text"',
};

for (const [what, text] of Object.entries(OTHERS)) {
  test(what, () => assertAsWhole(text));
}

test('what JSON.parse refuses is refused', () => {
  const good = custom([
    { metadata: { name: 'a' } },
    { metadata: { name: 'b' } },
    { metadata: { name: 'c' } },
  ]);
  for (let i = 0; i < good.length; i++) {
    for (const bad of [good.slice(0, i), `${good.slice(0, i)}}${good.slice(i)}`]) {
      const whole = resultOf(() => JSON.parse(bad));
      for (const cut of [
        { step: 20, size: 7 },
        { step: 1, size: 1 },
      ])
        assert.equal(
          resultOf(() => parse(bad, cut)),
          whole,
          bad,
        );
    }
  }
});

function resultOf(call: () => unknown): string {
  try {
    return JSON.stringify(call());
  } catch (error) {
    assert.ok(error instanceof SyntaxError, String(error));
    return 'SyntaxError';
  }
}
