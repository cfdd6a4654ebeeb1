// What ends a program, as its log tells it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../src/bin/failure.ts';
import { describeError, type Log } from '../../src/observe/log.ts';

/** The error of the last fatal line, as it is logged. */
function logged(fail: (failure: Failure) => void): unknown {
  let error: unknown;
  const fatal: Log['fatal'] = (_, values) => {
    error = values?.error;
  };
  fail(new Failure({ fatal } as Log));
  return describeError(error);
}

test('leadership that is lost to an API that is away shows no stack', () => {
  assert.deepEqual(
    logged((failure) => failure.leadershipLost()),
    { code: 'LeadershipLost', message: 'renew the leader Lease: not done before its deadline' },
  );
});

test('a part that has died does', () => {
  const died = logged((failure) => failure.died(new TypeError('no')));
  assert.match(String((died as { stack?: string }).stack), /failure\.test\.ts/);
});
