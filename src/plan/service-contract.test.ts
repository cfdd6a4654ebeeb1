// The next step for a Service, case by case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FINALIZER, service, virtualIP } from '../../test/arbitrary/service.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import { type NextStep, nextStep } from './service-contract.ts';
import type { ServiceView } from './views.ts';

const rules = { classes: ['fairlead.io/lb', 'example.com/ours'], finalizer: FINALIZER };

const shown = (step: NextStep): string => {
  if (step.kind === 'release') return `release ${step.virtualIPs.map(({ name }) => name).join()}`;
  return step.kind === 'remove-finalizer'
    ? `remove-finalizer${step.clearsStatus ? ' and status' : ''}`
    : step.kind;
};

const none: readonly VirtualIP[] = [];
const leaving = virtualIP(9, { isDeleting: true });
const CASES: readonly [string, Partial<ServiceView>, readonly VirtualIP[], string][] = [
  ['new', { finalizers: [] }, none, 'add-finalizer'],
  [
    'new, of our second class',
    { finalizers: [], loadBalancerClass: 'example.com/ours' },
    none,
    'add-finalizer',
  ],
  ['with a VirtualIP but without finalizer', { finalizers: [] }, [virtualIP(1)], 'add-finalizer'],
  ['without VirtualIP', {}, none, 'assign'],
  ['with one', {}, [virtualIP(1)], 'assign'],
  ['with one that is being withdrawn', {}, [leaving], 'assign'],
  ['with two', {}, [virtualIP(2), virtualIP(1)], 'assign'],
  ['being deleted', { isDeleting: true }, [virtualIP(1)], 'release 10.77.0.1'],
  ['being deleted and withdrawn', { isDeleting: true }, [leaving], 'wait'],
  ['being deleted, nothing left', { isDeleting: true }, none, 'remove-finalizer'],
  ['being deleted, never ours', { isDeleting: true, finalizers: ['other'] }, none, 'nothing'],
  [
    'of another type now',
    { type: 'ClusterIP', loadBalancerClass: undefined },
    [virtualIP(1)],
    'release 10.77.0.1',
  ],
  ['of another type now, nothing left', { type: 'NodePort' }, none, 'remove-finalizer and status'],
  [
    'of another type now, finalizer gone, VirtualIP left',
    { type: 'NodePort', finalizers: [] },
    [virtualIP(1)],
    'release 10.77.0.1',
  ],
  ['of another class', { loadBalancerClass: 'example.com/theirs', finalizers: [] }, none, 'nothing'],
  ['without class', { loadBalancerClass: undefined, finalizers: [] }, none, 'nothing'],
];
for (const [name, changes, virtualIPs, want] of CASES) {
  test(`a Service ${name}: ${want}`, () =>
    assert.equal(shown(nextStep(service(changes), virtualIPs, rules)), want));
}

test('never an address without our finalizer, and the finalizer goes only when nothing is left', () => {
  const anyService = fc.record({
    type: fc.constantFrom('LoadBalancer', 'ClusterIP'),
    loadBalancerClass: fc.constantFrom(undefined, 'fairlead.io/lb', 'other'),
    finalizers: fc.subarray([FINALIZER, 'other']),
    isDeleting: fc.boolean(),
  });
  const anyVirtualIPs = fc
    .array(fc.boolean(), { maxLength: 3 })
    .map((flags) => flags.map((isDeleting, i) => virtualIP(i, { isDeleting })));
  fc.assert(
    fc.property(anyService, anyVirtualIPs, (changes, virtualIPs) => {
      const step = nextStep(service(changes), virtualIPs, rules);
      if (step.kind === 'assign') assert.ok(changes.finalizers.includes(FINALIZER));
      if (step.kind === 'remove-finalizer') assert.equal(virtualIPs.length, 0);
      if (step.kind === 'add-finalizer') assert.ok(!changes.isDeleting, 'the API server would refuse it');
    }),
  );
});
