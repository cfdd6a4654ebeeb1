// What a Service's status has to say, case by case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, virtualIP } from '../../test/arbitrary/service.ts';
import { exhausted, noPoolOfFamily } from '../ipam/refusal.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import { type Assigned, type StatusPlan, statusPlan } from './service-status.ts';
import type { ServiceView } from './views.ts';

const NOW = '2026-12-01T10:00:00Z';
const ip = (...texts: string[]) => texts.map((text) => ({ ip: text, ipMode: 'VIP' }));
const FULL = exhausted('IPv4', [{ pool: 'default', total: 4n }], 1);

const planOf = (
  on: ServiceView,
  virtualIPs: readonly VirtualIP[],
  changes: Partial<Assigned> = {},
): StatusPlan =>
  statusPlan(
    on,
    {
      ...{
        virtualIPs,
        coming: [],
        going: [],
        isReplacing: false,
        refusal: undefined,
        isSatisfied: true,
        forfeited: [],
      },
      whyOutside: () => undefined,
      whyNobody: () => 'nobody can',
      ...changes,
    },
    NOW,
  );
const said = ({ conditions }: StatusPlan) =>
  conditions.map(({ type, status, reason }) => `${type.replace('fairlead.io/', '')} ${status} ${reason}`);
/** The Service after the plan was carried out. */
const after = (on: ServiceView, plan: StatusPlan): ServiceView => {
  const changed = plan.conditions.map(({ type }) => type);
  const kept = on.conditions.filter(
    ({ type }) => !changed.includes(type) && !plan.goneConditions.includes(type),
  );
  const annotations = Object.entries({ ...on.annotations, ...plan.annotations }).filter(
    ([, value]) => value !== null,
  );
  return service({
    ingress: plan.ingress ?? on.ingress,
    conditions: [...kept, ...plan.conditions],
    annotations: Object.fromEntries(annotations) as Record<string, string>,
  });
};

test('an address is published with its first candidate, and stays when there is none any more', () => {
  const alone = virtualIP(1, { candidates: [] });
  assert.equal(planOf(service(), [alone]).ingress, undefined, 'it has none yet');
  assert.deepEqual(planOf(service(), [virtualIP(1)]).ingress, ip('10.77.0.1'));
  assert.equal(planOf(service({ ingress: ip('10.77.0.1') }), [alone]).ingress, undefined, 'it stays');
  const moved = planOf(service({ ingress: ip('10.77.0.7') }), [alone]);
  assert.deepEqual(moved.ingress, [], 'somebody else may have it');
});

const six = virtualIP(2, {
  ...{
    name: 'fd77-0-0-0-0-0-0-2',
    address: { family: 'IPv6', value: (0xfd77n << 112n) + 2n },
    family: 'IPv6',
  },
  ...{ candidates: [], pool: 'six' },
});

test('of two families the one that can not be announced is allocated and not published', () => {
  const plan = planOf(service(), [virtualIP(1, { phase: 'Announced' }), six]);
  assert.deepEqual(plan.ingress, ip('10.77.0.1'));
  assert.deepEqual(said(plan), ['Allocated True Allocated', 'Announced False PartlyAnnounced']);
  assert.equal(plan.conditions[0]?.message, '10.77.0.1 from pool default, fd77::2 from pool six');
  assert.deepEqual(plan.annotations, { 'fairlead.io/allocated-from': 'default,six' });
});

test('what is not to be announced by us is published without candidates', () => {
  const plan = planOf(service(), [virtualIP(1, { candidates: [], advertisements: [] })]);
  assert.deepEqual(plan.ingress, ip('10.77.0.1'));
  assert.deepEqual(said(plan), ['Allocated True Allocated', 'Announced False AllocatedOnly']);
});

const PHASES: readonly [string, Partial<VirtualIP>, string][] = [
  ['pending', {}, 'False Pending'],
  ['without candidates', { candidates: [] }, 'False NoCandidates'],
  ['announced', { phase: 'Announced' }, 'True Announced'],
  ['moving', { phase: 'Moving' }, 'True Announced'],
  ['in conflict', { phase: 'Conflict' }, 'False Conflict'],
  [
    'announced on no link',
    {
      phase: 'Announced',
      conditions: [
        { type: 'Announced', status: 'False', reason: 'NoLink', message: 'm', lastTransitionTime: '' },
      ],
    },
    'False NoLink',
  ],
];
for (const [name, changes, want] of PHASES) {
  test(`a VirtualIP ${name}: ${want}`, () =>
    assert.deepEqual(said(planOf(service(), [virtualIP(1, changes)])), [
      'Allocated True Allocated',
      `Announced ${want}`,
    ]));
}

test('nothing is written twice, nor when only the holder changed', () => {
  const held = (holder: string, epoch: number) => [
    virtualIP(1, { phase: 'Announced', record: { holder, epoch } }),
  ];
  const first = planOf(service(), held('n1', 1));
  assert.equal(first.isSame, false);
  const written = after(service(), first);
  assert.equal(planOf(written, held('n2', 2)).isSame, true);
  assert.equal(planOf({ ...written, ingress: [{ ip: '10.77.0.1' }] }, held('n1', 1)).isSame, false);
  assert.equal(planOf({ ...written, annotations: {} }, held('n1', 1)).isSame, false);
});

test('a refusal says its code, and leaves the address of before unless it is somebody else’s', () => {
  const waiting = service({ ingress: ip('10.77.0.7') });
  const plan = planOf(waiting, [], { refusal: FULL, isSatisfied: false });
  assert.equal(plan.ingress, undefined);
  assert.deepEqual(said(plan), ['Allocated False PoolsExhausted', 'Announced False NotAllocated']);
  const lost = { refusal: FULL, isSatisfied: false, forfeited: [virtualIP(7).address] };
  assert.deepEqual(planOf(waiting, [], lost).ingress, []);
  const another = service({ ingress: ip('10.77.0.7', '10.77.0.8') });
  assert.deepEqual(planOf(another, [], lost).ingress, ip('10.77.0.8'));
});

test('a refusal of more keeps what there is, and says so', () => {
  const more = planOf(service(), [virtualIP(1)], { refusal: FULL, isSatisfied: false });
  assert.deepEqual(said(more), ['Allocated False PoolsExhausted', 'Announced False Pending']);
  assert.deepEqual(more.ingress, ip('10.77.0.1'));
  const refusal = noPoolOfFamily('IPv6', ['default']);
  const enough = planOf(service(), [virtualIP(1)], { refusal, isSatisfied: true });
  assert.match(
    enough.conditions[0]?.message ?? '',
    /^10.77.0.1 from pool default; not more, because FamilyUnavail/,
  );
  assert.deepEqual(said(enough), ['Allocated True Allocated', 'Announced False Pending']);
});

test('OutsidePool is there while it is true', () => {
  const whyOutside = () => '10.77.0.1 is in no AddressPool';
  const outside = planOf(service(), [virtualIP(1)], { whyOutside });
  assert.equal(said(outside)[2], 'OutsidePool True OutsidePool');
  const marked = after(service(), outside);
  assert.equal(planOf(marked, [virtualIP(1)], { whyOutside }).isSame, true);
  const inside = planOf(marked, [virtualIP(1)]);
  assert.deepEqual(inside.goneConditions, ['fairlead.io/OutsidePool']);
  assert.equal(planOf(after(marked, inside), [virtualIP(1)]).isSame, true);
});

test('an annotation for source ranges that nobody keeps is told, until the field takes its place', () => {
  const name = 'service.beta.kubernetes.io/load-balancer-source-ranges';
  const walled = service({ annotations: { [name]: '192.0.2.0/24' } });
  const plan = planOf(walled, [virtualIP(1)]);
  assert.deepEqual(said(plan).at(-1), 'SourceRangesIgnored True SourceRangesIgnored');
  assert.match(
    plan.conditions.at(-1)?.message ?? '',
    /^\S+ "192.0.2.0\/24": .*want spec.loadBalancerSourceRanges$/,
  );
  const spec = { ...walled, ...after(walled, plan), loadBalancerSourceRanges: ['192.0.2.0/24'] };
  assert.deepEqual(planOf(spec, [virtualIP(1)]).goneConditions, ['fairlead.io/SourceRangesIgnored']);
  assert.deepEqual(said(planOf(service({ annotations: { [name]: ' ' } }), [virtualIP(1)])).length, 2);
});

test('the wish to be renumbered goes when it is met', () => {
  const wishing = service({ annotations: { 'fairlead.io/renumber': 'now' } });
  const met = planOf(wishing, [virtualIP(2)]);
  assert.deepEqual(met.annotations, {
    'fairlead.io/allocated-from': 'default',
    'fairlead.io/renumber': null,
  });
  const unmet = planOf(wishing, [virtualIP(1)], { refusal: FULL, isSatisfied: false, isReplacing: true });
  assert.deepEqual(unmet.annotations, { 'fairlead.io/allocated-from': 'default' });
});
