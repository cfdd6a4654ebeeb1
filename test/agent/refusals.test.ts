// What the API does not permit is told of once, then once a minute, and when it is permitted again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusals } from '../../src/agent/refusals.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { type Duration, minutes, seconds } from '../../src/time/duration.ts';
import { after, instant } from '../../src/time/instant.ts';
import { FakeLog } from '../fake/fake-reports.ts';

const CLAIM = 'claim not written';
const forbidden = new ApiError('patch', { code: 'Forbidden', status: 403 });
const unreachable = new ApiError('patch', { code: 'Unreachable', status: 0 });

class Trial {
  readonly log = new FakeLog();
  #now = instant(0);
  readonly refusals = new Refusals(this.log, { now: () => this.#now });

  /** Of as many addresses at once. */
  fail(count: number, error: Error = forbidden, message = CLAIM): this {
    for (let i = 0; i < count; i++) this.refusals.failed(message, { name: `10.0.0.${i}`, error });
    return this;
  }

  pass(duration: Duration): this {
    this.#now = after(this.#now, duration);
    return this;
  }
}

test('a thousand addresses make one warning a minute', () => {
  const trial = new Trial().fail(1000).pass(seconds(59)).fail(1000);
  assert.deepEqual(trial.log.at('warn'), [CLAIM]);
  assert.equal(trial.log.at('debug').length, 1999);
  trial.pass(seconds(1)).fail(1000);
  assert.deepEqual(trial.log.at('warn'), [CLAIM, CLAIM]);
});

test('each kind of request has its own', () => {
  const trial = new Trial().fail(2).fail(2, forbidden, 'finalizer not removed');
  assert.deepEqual(trial.log.at('warn'), [CLAIM, 'finalizer not removed']);
});

test('an API that is away is no refusal', () => {
  const trial = new Trial().fail(3, unreachable).pass(minutes(5)).fail(3, unreachable);
  trial.refusals.succeeded(CLAIM);
  assert.deepEqual([trial.log.at('warn'), trial.log.at('info')], [[], []]);
});

test('the end is told, and the next refusal is news', () => {
  const trial = new Trial().fail(2);
  trial.refusals.succeeded(CLAIM);
  trial.refusals.succeeded(CLAIM);
  assert.deepEqual(trial.log.at('info'), ['permitted again']);
  trial.fail(1);
  assert.equal(trial.log.at('warn').length, 2);
});
