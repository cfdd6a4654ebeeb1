// RFC 3339 timestamps, against the language's own Date.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTimestamp } from './timestamp.ts';

test('what Kubernetes writes is read', () => {
  assert.equal(parseTimestamp('1970-01-01T00:00:00Z'), 0);
  assert.equal(parseTimestamp('2026-12-01T10:00:00Z'), Date.UTC(2026, 11, 1, 10));
  assert.equal(parseTimestamp('2026-12-01T10:00:00.125000Z'), Date.UTC(2026, 11, 1, 10) + 125);
  assert.equal(parseTimestamp('2026-12-01T12:30:00+02:30'), Date.UTC(2026, 11, 1, 10));
  assert.equal(parseTimestamp('2026-12-01T05:00:00-05:00'), Date.UTC(2026, 11, 1, 10));
  assert.equal(parseTimestamp('2016-12-31T23:59:60Z'), Date.UTC(2017, 0, 1), 'a leap second');
});

test('what is no time is refused', () => {
  const refused = [
    '',
    'now',
    '2026-12-01',
    '2026-12-01 10:00:00Z',
    '2026-12-01T10:00:00',
    '2026-12-01T10:00Z',
  ];
  const impossible = ['2026-13-01', '2026-00-01', '2026-02-29', '2026-04-31', '2026-01-00', '1900-02-29'];
  const hours = ['24:00:00Z', '10:60:00Z', '10:00:61Z', '10:00:00+24:00', '10:00:00+01:60'];
  const texts = [
    ...refused,
    ...impossible.map((date) => `${date}T10:00:00Z`),
    ...hours.map((time) => `2026-12-01T${time}`),
  ];
  for (const text of texts) assert.equal(parseTimestamp(text), undefined, text);
});

test('every time reads as another implementation reads it', () => {
  const dates = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(dates, (date) => {
      const parsed = parseTimestamp(date.toISOString());
      assert.ok(parsed !== undefined && Math.abs(parsed - date.getTime()) < 0.01, date.toISOString());
    }),
  );
});
