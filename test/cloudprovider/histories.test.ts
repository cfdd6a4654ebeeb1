// The controller over random histories: Services and pools come, change and go, it is killed and started again, two of
// them work at once, writes are refused. Whatever happens: no address twice, nobody loses one, nobody waits in vain.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../../src/kube/api-error.ts';
import { ADDRESS_POOL } from '../../src/kube/kinds.ts';
import type { ServiceView } from '../../src/plan/views.ts';
import { Bed, type Running } from './bed.ts';

const SERVICES = 6;
const POOLS = ['a', 'b'] as const;
const RANGES = [
  '10.77.0.50-10.77.0.51',
  '10.77.0.51-10.77.0.54',
  '10.77.0.53',
  'fd77::1-fd77::3',
  'fd77::3-fd77::9',
];

type Edit =
  | { readonly kind: 'create' | 'change'; readonly service: number; readonly ask: Ask }
  | { readonly kind: 'delete'; readonly service: number }
  | {
      readonly kind: 'pool';
      readonly pool: 'a' | 'b';
      readonly ranges: readonly string[];
      readonly disabled: boolean;
    };
type Step =
  | Edit
  | { readonly kind: 'kill' }
  | { readonly kind: 'second' }
  | { readonly kind: 'refuse'; readonly after: number; readonly code: 'Conflict' | 'Unreachable' };

interface Ask {
  readonly families: readonly ('IPv4' | 'IPv6')[];
  readonly policy: 'PreferDualStack' | 'RequireDualStack';
  readonly key: string;
  readonly port: number;
}

const specOf = ({ families, policy, port }: Ask) => ({
  ipFamilies: families,
  ipFamilyPolicy: families.length > 1 ? policy : 'SingleStack',
  ports: [{ protocol: 'TCP', port }],
});

class History {
  readonly bed = new Bed();
  readonly #running: Running[] = [];

  async begin(): Promise<void> {
    for (const name of ['n1', 'n2']) this.bed.node(name);
    this.bed.pool('a', '10.77.0.50-10.77.0.52', 'fd77::1-fd77::2');
    await this.#start();
  }

  async apply(step: Step): Promise<void> {
    if (step.kind === 'kill') {
      for (const running of this.#running.splice(0)) this.bed.kill(running);
      await this.#start();
    } else if (step.kind === 'second') {
      await this.#start();
    } else if (step.kind === 'refuse') this.#refuse(step);
    else this.#edit(step);
  }

  /** Everything that is held by a retry is tried again, and who waits is served. */
  async rest(): Promise<void> {
    await this.bed.pass(12_000);
  }

  async #start(): Promise<void> {
    this.#running.push(await this.bed.start({ workers: 3 }));
  }

  #edit(step: Edit): void {
    const { bed } = this;
    if (step.kind === 'pool') {
      if (step.ranges.length > 0)
        bed.poolWith(step.pool, { addresses: step.ranges, disabled: step.disabled });
      else if (bed.cluster.objects(ADDRESS_POOL).has(step.pool))
        bed.cluster.remove(ADDRESS_POOL, { name: step.pool });
      return;
    }
    const name = `s${step.service}`;
    if (step.kind === 'delete') {
      if (bed.hasService(name)) bed.deleteService(name);
    } else if (!bed.hasService(name)) {
      const key = step.ask.key === '' ? {} : { 'fairlead.io/sharing-key': step.ask.key };
      bed.createService(name, specOf(step.ask), { annotations: key });
    } else if (step.kind === 'change') bed.changeService(name, specOf(step.ask));
  }

  #refuse({ after, code }: Extract<Step, { readonly kind: 'refuse' }>): void {
    for (const { api } of this.#running) {
      let count = 0;
      api.before = ({ plural }) => {
        if (plural === 'addresspools' || count++ < after) return;
        api.recover();
        throw new ApiError('refused', { code, status: code === 'Conflict' ? 409 : 0 });
      };
    }
  }
}

interface Holding {
  readonly service: ServiceView;
  readonly names: readonly string[];
}

function holdings(bed: Bed): ReadonlyMap<string, Holding> {
  const names = Array.from({ length: SERVICES }, (_, i) => `s${i}`).filter((name) => bed.hasService(name));
  return new Map(
    names.map((name) => {
      const service = bed.service(name);
      const own = bed.virtualIPs().filter((one) => one.services.some(({ uid }) => uid === service.uid));
      return [service.uid, { service, names: own.map((one) => one.name).sort() }];
    }),
  );
}

/** No two Services have one port of one address, and what is published is what is held. */
function checkUnique(bed: Bed): void {
  for (const { name, services } of bed.virtualIPs()) {
    const ports = services.flatMap((ref) => ref.ports.map(({ protocol, port }) => `${protocol}/${port}`));
    assert.equal(new Set(ports).size, ports.length, `${name} has a port twice`);
  }
  for (const { service, names } of holdings(bed).values()) {
    for (const { ip } of service.ingress)
      assert.ok(names.includes(ip ?? ''), `${service.name} publishes ${ip}`);
    const [allocated] = service.conditions;
    if (allocated?.status === 'True') assert.ok(names.length > 0, `${service.name} has nothing`);
  }
}

const ask: fc.Arbitrary<Ask> = fc.record({
  families: fc.constantFrom<Ask['families']>(['IPv4'], ['IPv4'], ['IPv6'], ['IPv4', 'IPv6']),
  policy: fc.constantFrom('PreferDualStack', 'RequireDualStack'),
  key: fc.constantFrom('', 'k'),
  port: fc.integer({ min: 80, max: 82 }),
});
const service = fc.nat(SERVICES - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('create', 'change'), service, ask }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), service }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pool'),
      pool: fc.constantFrom(...POOLS),
      ranges: fc.subarray(RANGES),
      disabled: fc.boolean(),
    }),
  },
  fc.constant({ kind: 'kill' as const }),
  fc.constant({ kind: 'second' as const }),
  fc.record({
    kind: fc.constant('refuse'),
    after: fc.nat(4),
    code: fc.constantFrom('Conflict', 'Unreachable'),
  }),
);

async function checkRound(history: History, steps: readonly Step[]): Promise<void> {
  const { bed } = history;
  const before = holdings(bed);
  for (const one of steps) await history.apply(one);
  await history.rest();
  checkUnique(bed);
  bed.assertSound();
  const after = holdings(bed);
  const touched = steps.flatMap((one) => ('service' in one ? [`s${one.service}`] : []));
  const untouched = [...before].filter(([, { service: had }]) => !touched.includes(had.name));
  for (const [uid, { names }] of untouched)
    assert.deepEqual(
      names.filter((name) => !after.get(uid)?.names.includes(name)),
      [],
      'nobody who asked for nothing loses an address',
    );
}

test('unique, sticky and complete, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      async (rounds) => {
        const history = new History();
        await history.begin();
        for (const steps of rounds) await checkRound(history, steps);
        await checkComplete(history);
      },
    ),
    { numRuns: 60 },
  );
});

/** With room for everybody nobody waits; and without Services nothing is left. */
async function checkComplete({ bed }: History): Promise<void> {
  bed.poolWith('a', { addresses: ['10.77.0.50-10.77.0.99', 'fd77::/120'], disabled: false });
  await bed.pass(12_000);
  for (const { service: each, names } of holdings(bed).values())
    assert.equal(names.length, each.ipFamilies.length, `${each.name} has ${names.join()}`);
  for (const { service: each } of holdings(bed).values()) bed.deleteService(each.name);
  await bed.pass(12_000);
  assert.deepEqual(bed.virtualIPs(), []);
  assert.equal(holdings(bed).size, 0);
}
