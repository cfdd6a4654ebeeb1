// The next step for a Service, case by case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FINALIZER, service, virtualIP } from '../../test/arbitrary/service.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import { type NextStep, nextStep } from './service-contract.ts';
import type { ServiceView } from './views.ts';

const UPSTREAM = 'service.kubernetes.io/load-balancer-cleanup';
const rules = { classes: ['fairlead.io/lb', 'example.com/ours'], servesClassless: false };
const asDefault = { ...rules, servesClassless: true };

const shown = (step: NextStep): string => {
  if (step.kind === 'release') return `release ${step.virtualIPs.map(({ name }) => name).join()}`;
  if (step.kind === 'unpublish') return `unpublish ${step.addresses.join()}`;
  if (step.kind === 'add-finalizer') return `add ${shortName(step.finalizer)}`;
  if (step.kind !== 'let-go') return step.kind;
  const finalizers = step.finalizers.map(shortName).join(' and ') || 'nothing';
  return `remove ${finalizers}, clear ${step.clears}`;
};
const shortName = (finalizer: string): string => (finalizer === UPSTREAM ? 'upstream' : 'own');

const none: readonly VirtualIP[] = [];
const leaving = virtualIP(9, { isDeleting: true });
const ip = (text: string) => [{ ip: text, ipMode: 'VIP' }];
const ours = [
  { type: 'fairlead.io/Allocated', status: 'True', reason: 'Allocated', message: '', lastTransitionTime: '' },
] as const;
const told = (message: string) => ours.map((condition) => ({ ...condition, message }));
const theirs = { loadBalancerClass: 'example.com/theirs', conditions: ours };
const CASES: readonly [string, Partial<ServiceView>, readonly VirtualIP[], string][] = [
  ['new', { finalizers: [] }, none, 'add own'],
  ['new, of our second class', { finalizers: [], loadBalancerClass: 'example.com/ours' }, none, 'add own'],
  ['with a VirtualIP but without finalizer', { finalizers: [] }, [virtualIP(1)], 'add own'],
  ['without VirtualIP', {}, none, 'assign'],
  ['with one', {}, [virtualIP(1)], 'assign'],
  ['with one that is being withdrawn', {}, [leaving], 'assign'],
  ['with two', {}, [virtualIP(2), virtualIP(1)], 'assign'],
  ['being deleted', { isDeleting: true }, [virtualIP(1)], 'release 10.77.0.1'],
  ['being deleted and withdrawn', { isDeleting: true }, [leaving], 'wait'],
  ['being deleted, nothing left', { isDeleting: true }, none, 'remove own, clear nothing'],
  ['being deleted, never ours', { isDeleting: true, finalizers: ['other'] }, none, 'nothing'],
  [
    'of another type now',
    { type: 'ClusterIP', loadBalancerClass: undefined },
    [virtualIP(1)],
    'release 10.77.0.1',
  ],
  ['of another type now, nothing left', { type: 'NodePort' }, none, 'remove own, clear everything'],
  [
    'of another type now, finalizer gone, VirtualIP left',
    { type: 'NodePort', finalizers: [] },
    [virtualIP(1)],
    'release 10.77.0.1',
  ],
  [
    'of another type now, finalizer gone, our conditions left',
    { type: 'ClusterIP', loadBalancerClass: undefined, finalizers: [], conditions: ours },
    none,
    'remove nothing, clear everything',
  ],
  [
    'of another class after it was ours, its status by its provider',
    { ...theirs, ingress: ip('203.0.113.1') },
    [virtualIP(1)],
    'release 10.77.0.1',
  ],
  [
    'the same, its address still published',
    { ...theirs, ingress: ip('10.77.0.1') },
    [leaving, virtualIP(1)],
    'unpublish 10.77.0.1',
  ],
  ['the same, nothing left', theirs, none, 'remove own, clear conditions'],
  [
    'of another class, finalizers and all',
    { ...theirs, finalizers: [UPSTREAM], isDeleting: true },
    none,
    'nothing',
  ],
  ['of another class', { loadBalancerClass: 'example.com/theirs', finalizers: [] }, none, 'nothing'],
  ['without class', { loadBalancerClass: undefined, finalizers: [] }, none, 'nothing'],
];
for (const [name, changes, virtualIPs, want] of CASES) {
  test(`a Service ${name}: ${want}`, () =>
    assert.equal(shown(nextStep(service(changes), virtualIPs, rules)), want));
}

const classless = { loadBalancerClass: undefined, finalizers: [UPSTREAM] };
const clusterIP = { ...classless, type: 'ClusterIP' };
const ignored = { annotations: { 'fairlead.io/ignore': '' } };
/** For a Service without class: what is done in class mode, and what as the cluster's default implementation. */
const CLASSLESS: readonly [string, Partial<ServiceView>, readonly VirtualIP[], string, string][] = [
  ['new', { ...classless, finalizers: [] }, none, 'nothing', 'add upstream'],
  ['with the finalizer of whoever was here before', classless, none, 'nothing', 'assign'],
  ['with one', classless, [virtualIP(1)], 'release 10.77.0.1', 'assign'],
  ['published', { ...classless, ingress: ip('10.77.0.1') }, [virtualIP(1)], 'unpublish 10.77.0.1', 'assign'],
  ['published by another', { ...classless, ingress: ip('203.0.113.1') }, none, 'nothing', 'assign'],
  ['let go', { ...classless, conditions: ours }, none, 'remove upstream, clear conditions', 'assign'],
  [
    'published, its VirtualIPs deleted by hand',
    {
      ...classless,
      conditions: told('10.77.0.1 from pool a, fd77::1'),
      ingress: [...ip('10.77.0.1'), ...ip('203.0.113.1'), ...ip('fd77::1')],
    },
    none,
    'unpublish 10.77.0.1,fd77::1',
    'assign',
  ],
  [
    'the same, with another address since',
    { ...classless, conditions: told('10.77.0.1'), ingress: ip('10.77.0.10') },
    none,
    'remove nothing, clear conditions',
    'assign',
  ],
  [
    'taken over by another',
    { ...classless, conditions: ours, ingress: ip('203.0.113.1') },
    none,
    'remove nothing, clear conditions',
    'assign',
  ],
  ['being deleted', { ...classless, isDeleting: true }, none, 'nothing', 'remove upstream, clear nothing'],
  [
    'being deleted after it was ours',
    { ...classless, isDeleting: true, conditions: ours },
    none,
    'remove upstream, clear nothing',
    'remove upstream, clear nothing',
  ],
  [
    'being deleted by whoever took it over',
    { ...classless, isDeleting: true, conditions: ours, ingress: ip('203.0.113.1') },
    none,
    'nothing',
    'remove upstream, clear nothing',
  ],
  ['of another type now', clusterIP, none, 'nothing', 'remove upstream, clear everything'],
  [
    'of another type after it was ours',
    { ...clusterIP, conditions: ours },
    none,
    'remove upstream, clear everything',
    'remove upstream, clear everything',
  ],
  [
    'that was of our class',
    { ...classless, finalizers: [FINALIZER] },
    none,
    'remove own, clear conditions',
    'add upstream',
  ],
  ['to be ignored', { ...classless, ...ignored }, [virtualIP(1)], 'release 10.77.0.1', 'release 10.77.0.1'],
  [
    'to be ignored, let go',
    { ...classless, ...ignored, conditions: ours },
    none,
    'remove upstream, clear conditions',
    'remove upstream, clear conditions',
  ],
  ['to be ignored, never ours', { ...classless, ...ignored }, none, 'nothing', 'nothing'],
];
for (const [name, changes, virtualIPs, byClass, byDefault] of CLASSLESS) {
  test(`a Service without class ${name}: ${byClass}, or ${byDefault}`, () => {
    assert.equal(shown(nextStep(service(changes), virtualIPs, rules)), byClass);
    assert.equal(shown(nextStep(service(changes), virtualIPs, asDefault)), byDefault);
  });
}

test('our own class keeps its own finalizer in a cluster whose default implementation we are', () => {
  const step = (changes: Partial<ServiceView>) => shown(nextStep(service(changes), none, asDefault));
  assert.equal(step({ finalizers: [] }), 'add own');
  assert.equal(
    step({ finalizers: [UPSTREAM, FINALIZER], isDeleting: true }),
    'remove upstream and own, clear nothing',
  );
  assert.equal(
    step({ loadBalancerClass: 'example.com/theirs', finalizers: [UPSTREAM], isDeleting: true }),
    'nothing',
  );
});

test('never an address without our finalizer, and the finalizer goes only when nothing is left', () => {
  const anyService = fc.record({
    type: fc.constantFrom('LoadBalancer', 'ClusterIP'),
    loadBalancerClass: fc.constantFrom(undefined, 'fairlead.io/lb', 'other'),
    finalizers: fc.subarray([FINALIZER, UPSTREAM, 'other']),
    conditions: fc.constantFrom([], ours),
    annotations: fc.constantFrom({}, { 'fairlead.io/ignore': 'true' }),
    ingress: fc.constantFrom([], ip('10.77.0.0'), ip('203.0.113.1')),
    isDeleting: fc.boolean(),
  });
  const anyVirtualIPs = fc
    .array(fc.boolean(), { maxLength: 3 })
    .map((flags) => flags.map((isDeleting, i) => virtualIP(i, { isDeleting })));
  const law = (changes: Partial<ServiceView>, virtualIPs: readonly VirtualIP[], isDefault: boolean) => {
    const its = service(changes);
    const step = nextStep(its, virtualIPs, isDefault ? asDefault : rules);
    if (step.kind === 'assign')
      assert.ok(its.finalizers.includes(its.loadBalancerClass === undefined ? UPSTREAM : FINALIZER));
    if (step.kind === 'let-go') assert.equal(virtualIPs.length, 0);
    if (step.kind === 'add-finalizer') assert.ok(!its.isDeleting, 'the API server would refuse it');
    if (step.kind === 'let-go') assert.ok(!step.finalizers.includes('other'));
    if (its.type === 'LoadBalancer' && its.loadBalancerClass === 'other')
      assert.ok(!('clears' in step) || step.clears !== 'everything');
  };
  fc.assert(fc.property(anyService, anyVirtualIPs, fc.boolean(), law));
});
