// What the log says of an outage: its beginning, once a minute that it lasts, and its end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiOutage } from '../../src/observe/api-outage.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { FakeLog } from '../fake/fake-reports.ts';
import { VirtualTime } from '../fake/virtual-time.ts';

const ERROR = Object.assign(new Error('connect ECONNREFUSED'), { code: 'Unreachable' });

class Bed {
  readonly time = new VirtualTime();
  readonly log = new FakeLog();
  readonly outage = new ApiOutage({ log: this.log, time: this.time });

  /** What an operator reads: not the debug lines. */
  told(): readonly string[] {
    return this.log.lines
      .filter(({ level }) => level !== 'debug')
      .map(({ level, message, values }) => `${level} ${message} ${values.seconds ?? ''}`.trimEnd());
  }

  async pass(count: number): Promise<void> {
    await this.time.advance(milliseconds(count * 1000));
  }
}

test('an outage is told once when it begins and once when it is over, whoever suffers', async () => {
  const { outage, log, time } = new Bed();
  outage.failed('Service', ERROR, 200.4);
  outage.failed('Lease', ERROR);
  await time.advance(seconds(8));
  for (const what of ['Service', 'Lease', 'Service']) outage.failed(what, ERROR, 400);
  const values = { what: 'Service', error: ERROR, retryInMs: 200 };
  assert.deepEqual(log.lines[0], { level: 'warn', message: 'API fails', values });
  assert.equal(log.at('debug').length, 4);
  outage.succeeded('Service');
  await time.advance(seconds(30));
  assert.deepEqual(log.at('info'), [], 'something still fails');
  outage.succeeded('Lease');
  await time.advance(seconds(5));
  assert.deepEqual(log.lines.at(-1), { level: 'info', message: 'API works again', values: { seconds: 38 } });
});

test('a long outage is told of once a minute, with what fails and how long', async () => {
  const bed = new Bed();
  for (let second = 0; second < 200; second += 5) {
    bed.outage.failed(second % 10 === 0 ? 'Service' : 'Node', ERROR, 5000);
    await bed.pass(5);
  }
  assert.deepEqual(bed.told(), [
    'warn API fails',
    'warn API still fails 60',
    'warn API still fails 120',
    'warn API still fails 180',
  ]);
  const { values = {} } = bed.log.lines.findLast(({ level }) => level === 'warn') ?? {};
  assert.deepEqual([values.failing, values.error], [['Node', 'Service'], ERROR]);
});

test('an API that comes and goes is one outage', async () => {
  const bed = new Bed();
  for (let round = 0; round < 10; round++) {
    bed.outage.failed('Service', ERROR);
    await bed.pass(1);
    bed.outage.succeeded('Service');
    await bed.pass(4);
  }
  await bed.pass(10);
  assert.deepEqual(bed.told(), ['warn API fails', 'info API works again 46']);
  bed.outage.failed('Service', ERROR);
  assert.equal(bed.told().at(-1), 'warn API fails', 'the next one is told again');
});

test('success without an outage is not worth a word', async () => {
  const bed = new Bed();
  bed.outage.succeeded('Service');
  await bed.pass(10);
  assert.deepEqual([bed.log.lines, bed.time.pending()], [[], []]);
});

test('stopped, it leaves no timer', () => {
  const bed = new Bed();
  bed.outage.failed('Service', ERROR);
  bed.outage.succeeded('Service');
  bed.outage.stop();
  assert.deepEqual(bed.time.pending(), []);
});
