// How long a program that starts puts up with what the API refuses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patience } from '../../src/bin/patience.ts';
import type { ApiErrorCode } from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { type Duration, seconds } from '../../src/time/duration.ts';
import { after, instant } from '../../src/time/instant.ts';

const failure = (code: ApiErrorCode, cause?: unknown): ApiError =>
  new ApiError(`list leases: ${code}`, { code, status: 0, cause });

const untrusted = (): ApiError =>
  failure('Unreachable', Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }));

class Trial {
  readonly over: Error[] = [];
  mayEnd = true;
  #now = instant(1000);
  readonly patience = new Patience({
    now: () => this.#now,
    mayEnd: () => this.mayEnd,
    onOver: (error) => this.over.push(error),
  });

  pass(duration: Duration): this {
    this.#now = after(this.#now, duration);
    return this;
  }

  fail(what: string, error: Error): this {
    this.patience.failed(what, error);
    return this;
  }
}

for (const [title, make] of [
  ['a permission', () => failure('Forbidden')],
  ['the credentials', () => failure('Unauthorized')],
  ['a certificate', () => untrusted()],
] as const) {
  test(`${title} may be refused for 30 s`, () => {
    const trial = new Trial().fail('Lease', make()).pass(seconds(29)).fail('Lease', make());
    assert.deepEqual(trial.over, []);
    const last = make();
    trial.pass(seconds(1)).fail('Lease', last);
    assert.deepEqual(trial.over, [last]);
  });
}

for (const error of [failure('Unreachable'), failure('ServerError'), failure('TooManyRequests')]) {
  test(`${error.code} is waited for as long as it takes, and what was refused before counts no more`, () => {
    const trial = new Trial().fail('Lease', failure('Forbidden')).pass(seconds(20)).fail('Lease', error);
    trial.pass(seconds(3600)).fail('Lease', error).fail('Lease', failure('Forbidden'));
    assert.deepEqual(trial.over, []);
  });
}

test('each part has its own time', () => {
  const trial = new Trial().fail('Lease', failure('Forbidden')).pass(seconds(25));
  trial.fail('VirtualIP', failure('Forbidden')).pass(seconds(10)).fail('VirtualIP', failure('Forbidden'));
  assert.deepEqual(trial.over, []);
});

test('who is needed stays, and is asked again each time', () => {
  const trial = new Trial().fail('Lease', failure('Forbidden')).pass(seconds(3600));
  trial.mayEnd = false;
  assert.deepEqual(trial.fail('Lease', failure('Forbidden')).over, []);
  trial.mayEnd = true;
  assert.equal(trial.fail('Lease', failure('Forbidden')).over.length, 1);
});
