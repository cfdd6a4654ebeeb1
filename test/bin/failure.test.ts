// What ends a program, as its log tells it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT, LoggedFailure } from '../../src/bin/exit.ts';
import { Failure } from '../../src/bin/failure.ts';
import type { ApiErrorCode } from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';
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

const apiError = (code: ApiErrorCode, cause?: unknown): ApiError =>
  new ApiError(`list leases: ${code}`, { code, status: 0, cause });

const ENDS: readonly (readonly [string, (failure: Failure) => void, number, RegExp])[] = [
  [
    'a permission',
    (it) => it.refused(apiError('Forbidden')),
    EXIT.forbidden,
    /want the roles of the chart: list/,
  ],
  [
    'credentials',
    (it) => it.refused(apiError('Unauthorized')),
    EXIT.forbidden,
    /want a token or certificate/,
  ],
  [
    'a certificate',
    (it) =>
      it.refused(
        apiError('Unreachable', Object.assign(new Error('x'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' })),
      ),
    EXIT.configuration,
    /want the CA that signed it/,
  ],
  [
    'leadership, to a role',
    (it) => it.leadershipLost(apiError('Forbidden')),
    EXIT.forbidden,
    /want the roles/,
  ],
  [
    'leadership, to a network',
    (it) => it.leadershipLost(apiError('Unreachable')),
    EXIT.other,
    /leadership lost: renew/,
  ],
];

for (const [what, end, exitCode, message] of ENDS) {
  test(`an end for want of ${what} has its code and says what is wanted`, async () => {
    const failure = new Failure({ fatal() {} } as unknown as Log);
    end(failure);
    await assert.rejects(failure.promise, (error: unknown) => {
      assert.ok(error instanceof LoggedFailure);
      assert.equal(error.exitCode, exitCode);
      assert.match(error.message, message);
      return true;
    });
  });
}
