// Pools that are wrong, missing or full, on a real API server: what the CRD refuses, what the controller says about the
// rest, and that a Service which waits has its address as soon as there is one.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '../../lab/kinds.ts';
import type { LabApi } from '../../lab/kube-client.ts';
import { LabApiError } from '../../lab/kube-client.ts';
import { poolManifest } from '../../lab/pool-manifest.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { ADDRESS_POOL, ANNOUNCER, EVENT, SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { requirement } from '../requirements.ts';
import { type Condition, SOON, useBed, WEB } from './bed.ts';

const ADDRESS = /is no address: write four decimal parts without leading zeros/;
const CIDR = /is no CIDR: write an address .* prefix length of at most 32 \(IPv4\) or 128 \(IPv6\)/;
const RANGE = /is no range: write two addresses/;
const UNREACHABLE = /holds addresses that no client can reach/;

interface BadEntry {
  readonly entry: string;
  /** What the API server answers; undefined where CEL can not tell. */
  readonly refusal?: RegExp;
  /** What the controller says of a pool that came past the API server. */
  readonly wanted: string;
}

const NOTATION = 'an address, a CIDR or first-last, in canonical notation';
const A_CIDR = 'a CIDR such as 10.0.0.0/28 or fd00::/120';
const A_RANGE = 'first-last, two addresses in canonical notation without spaces';

const BAD: readonly BadEntry[] = [
  { entry: '010.0.0.1', refusal: ADDRESS, wanted: NOTATION },
  { entry: '10.1', refusal: ADDRESS, wanted: NOTATION },
  { entry: 'shop', refusal: ADDRESS, wanted: NOTATION },
  { entry: '::ffff:10.0.0.1', refusal: ADDRESS, wanted: NOTATION },
  { entry: 'fe80::1%eth0', refusal: ADDRESS, wanted: NOTATION },
  { entry: '10.0.0.0/33', refusal: CIDR, wanted: A_CIDR },
  { entry: 'fd77::/129', refusal: CIDR, wanted: A_CIDR },
  { entry: '::ffff:10.0.0.0/120', refusal: CIDR, wanted: A_CIDR },
  {
    entry: '10.0.0.5/24',
    refusal: /has host bits set: write 10\.0\.0\.0\/24, or 10\.0\.0\.5 if that one address is meant/,
    wanted: 'host bits 0: 10.0.0.0/24',
  },
  {
    entry: 'fd77::5/64',
    refusal: /has host bits set: write fd77::\/64, or fd77::5 if/,
    wanted: 'host bits 0: fd77::/64',
  },
  { entry: '10.0.0.1-10.0.0.2-10.0.0.3', refusal: RANGE, wanted: A_RANGE },
  { entry: '10.0.0.1 - 10.0.0.9', refusal: RANGE, wanted: A_RANGE },
  { entry: '::ffff:10.0.0.1-::ffff:10.0.0.9', refusal: RANGE, wanted: A_RANGE },
  { entry: '10.0.0.1-fd77::1', refusal: /mixes IPv4 and IPv6/, wanted: 'first and last of the same family' },
  { entry: '10.0.0.9-10.0.0.1', refusal: /runs backwards: write the lower/, wanted: 'first <= last' },
  { entry: '9.0.0.255-9.0.0.3', refusal: /runs backwards: write the lower/, wanted: 'first <= last' },
  { entry: 'fd77::9-fd77::1', wanted: 'first <= last' },
  { entry: '0.0.0.0/0', refusal: UNREACHABLE, wanted: 'nothing of 0.0.0.0/8 (this host or network' },
  { entry: '0.0.0.0', refusal: UNREACHABLE, wanted: 'nothing of 0.0.0.0/8' },
  { entry: '127.0.0.1', refusal: UNREACHABLE, wanted: 'nothing of 127.0.0.0/8 (loopback' },
  { entry: '126.0.0.1-128.0.0.1', wanted: 'nothing of 127.0.0.0/8 (loopback' },
  { entry: '224.0.0.0/4', refusal: UNREACHABLE, wanted: 'nothing of 224.0.0.0/4 (multicast' },
  { entry: '10.0.0.1-240.0.0.1', refusal: UNREACHABLE, wanted: 'nothing of 127.0.0.0/8' },
  { entry: '255.255.255.255', refusal: UNREACHABLE, wanted: 'nothing of 240.0.0.0/4 (reserved' },
  { entry: '::/0', refusal: UNREACHABLE, wanted: 'nothing of ::/127 (unspecified and loopback' },
  { entry: '::1', refusal: UNREACHABLE, wanted: 'nothing of ::/127' },
  { entry: 'fe80::/64', refusal: UNREACHABLE, wanted: 'nothing of fe80::/10 (link-local' },
  { entry: 'ff02::1', refusal: UNREACHABLE, wanted: 'nothing of ff00::/8 (multicast' },
];

const numbered = (count: number, text: (i: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, i) => text(i));

const BAD_LISTS: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no address', [], /should have at least 1 items/],
  ['65 addresses', numbered(65, (i) => `10.9.0.${i}`), /Too many: 65: must have at most 64 items/],
  ['an over-long text', ['1'.repeat(80)], /addresses\[0\]: Too long: may not be more than 79/],
  ['an empty text', [''], /addresses\[0\] in body should be at least 2 chars long/],
  ['one bad address among good ones', ['10.9.0.1', '10.9.0.2', '10.9'], /addresses\[2\]: .*is no address/],
];

const LONGEST = numbered(64, (i) => {
  const prefix = `fd77:1111:2222:3333:4444:5555:6666:${(0x8000 + i * 2).toString(16)}`;
  return `${prefix}-${prefix}`;
});

interface PoolObject extends KubeObject {
  readonly spec: { readonly addresses: readonly string[] };
  readonly status?: {
    readonly ipv4?: { readonly total: string; readonly allocated: string };
    readonly conditions?: readonly Condition[];
  };
}

interface AnnouncerObject extends KubeObject {
  readonly status?: {
    readonly segments?: readonly { readonly link: string; readonly gateways?: readonly string[] }[];
  };
}

interface EventObject extends KubeObject {
  readonly involvedObject: { readonly name?: string };
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
}

describe('pools', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-pools', nodes: 1, kubeProxy: false });

  const setPool = (name: string, addresses: readonly string[], rules: object = {}) =>
    bed().lab.apply(poolManifest(name, addresses, rules));
  const removePool = (name: string) => bed().lab.api.remove(ADDRESS_POOL, { name });

  /** What is let in goes again: a value that is there already is not judged anew. */
  async function isStrict(): Promise<boolean> {
    const isLetIn = await setPool('refused', ['10.1']).then(
      () => true,
      (error: unknown) => {
        if (error instanceof LabApiError && error.code === 'Invalid') return false;
        throw error;
      },
    );
    if (isLetIn) await removePool('refused');
    return !isLetIn;
  }

  /** The Ready condition of a pool for its latest spec. */
  const ready = (name: string, status: 'True' | 'False'): Promise<Condition> =>
    bed().lab.waitFor(
      `pool ${name} to be Ready=${status}`,
      async () => {
        const pool = await bed().lab.api.get<PoolObject>(ADDRESS_POOL, { name });
        return pool.status?.conditions?.find((one) => one.type === 'Ready' && one.status === status);
      },
      SOON,
    );

  const failures = async (service: string): Promise<readonly EventObject[]> =>
    (await bed().lab.api.list<EventObject>(EVENT, { namespace: WEB })).filter(
      ({ involvedObject, reason }) => involvedObject.name === service && reason === 'SyncLoadBalancerFailed',
    );

  /** That a Service waits is in its condition and in an event, with what would help. */
  async function waits(service: string, reason: string, help: RegExp): Promise<void> {
    const condition = await bed().condition(service, 'fairlead.io/Allocated', 'False');
    assert.equal(condition.reason, reason);
    assert.match(condition.message, help);
    const event = await bed().event(service, 'SyncLoadBalancerFailed');
    assert.equal(event.type, 'Warning');
    assert.equal(event.message, `${reason}: ${condition.message}`);
    assert.deepEqual((await bed().service(service)).status?.loadBalancer, {});
  }

  describe('that are wrong', () => {
    for (const { entry, refusal } of BAD.filter((bad) => bad.refusal !== undefined)) {
      test(`the API server refuses "${entry}"`, async () => {
        const isRefused = (field: string) => (error: unknown) => {
          assert.ok(error instanceof LabApiError);
          assert.equal(error.code, 'Invalid');
          assert.ok(error.message.includes(field), error.message);
          assert.match(error.message, refusal ?? /^/);
          return true;
        };
        const good = ['10.9.0.1'];
        await assert.rejects(setPool('refused', [...good, entry]), isRefused('spec.addresses[1]'));
        await assert.rejects(setPool('refused', good, { exclude: [entry] }), isRefused('spec.exclude[0]'));
      });
    }

    for (const [title, addresses, message] of BAD_LISTS) {
      test(`the API server refuses ${title}`, async () => {
        await assert.rejects(setPool('refused', addresses), message);
      });
    }

    test('64 of the longest ranges are no more than the API server will check', async () => {
      await setPool('longest', LONGEST.slice(1), { exclude: LONGEST });
      await setPool('longest', LONGEST, { exclude: LONGEST.slice(1) });
      await ready('longest', 'True');
      await removePool('longest');
    });

    test('what came before a stricter CRD is named in the status, the other pools go on', async () => {
      const { lab } = bed();
      await lab.processes.stop('controller/0');
      const strict = await loosen(lab.api);
      await bed().create({ name: 'early' });
      for (const [i, { entry }] of BAD.entries()) {
        const isLetIn = () => setPool(`bad-${i}`, [`10.77.0.${i + 150}`, entry]);
        await lab.waitFor(`"${entry}" to be let in`, isLetIn, SOON);
      }
      await replaceDefinition(lab.api, strict);
      await lab.waitFor('the strict CRD', isStrict, SOON);
      await lab.startControllers(1);
      for (const [i, { entry, wanted }] of BAD.entries()) {
        const { reason, message } = await ready(`bad-${i}`, 'False');
        assert.equal(reason, 'Invalid');
        assert.ok(message.startsWith(`spec.addresses[1] "${entry}": want ${wanted}`), message);
      }
      await ready('default', 'True');
      assert.equal(await bed().addressOf('early'), '10.77.0.50');
    });

    test('a pool that is corrected works at once', async () => {
      await bed().create({ name: 'exact', spec: { loadBalancerIP: '10.77.0.150' } });
      await waits(
        'exact',
        'AddressOutsidePools',
        /10\.77\.0\.150.: the address is in no AddressPool, want one of/,
      );
      await setPool('bad-0', ['10.77.0.150']);
      assert.equal(await bed().addressOf('exact'), '10.77.0.150');
      assert.equal((await ready('bad-0', 'True')).message, '');
      for (const name of ['exact', 'early']) await bed().remove(name);
      for (const i of BAD.keys()) await removePool(`bad-${i}`);
    });
  });

  describe('that hold addresses of others', () => {
    /** The router of the lab is every node's default gateway, and the control plane is the API server. */
    const others = (): readonly (readonly [string, string])[] => [
      [bed().lab.network.router.ip, 'the default gateway of Node node1'],
      [bed().lab.network.controlPlane.ip, 'the API server'],
    ];
    const gatewaysOf = async (node: string) =>
      (await bed().lab.api.get<AnnouncerObject>(ANNOUNCER, { name: node })).status?.segments;

    test("neither the API server's nor a gateway's is given to a Service", async () => {
      const { router } = bed().lab.network;
      assert.deepEqual((await gatewaysOf('node1'))?.[0]?.gateways, [router.ip, router.ip6]);
      await setPool('mixed', [...others().map(([address]) => address), '10.77.0.140']);
      const annotations = { 'fairlead.io/pool': 'mixed' };
      await bed().create({ name: 'm1', annotations });
      assert.equal(await bed().addressOf('m1'), '10.77.0.140');
      await bed().create({ name: 'm2', annotations });
      await waits('m2', 'PoolsExhausted', /every IPv4 address of mixed \(3\) is in use/);
    });

    test('and who asks for one of them is told whose it is', async () => {
      for (const [i, [loadBalancerIP, owner]] of others().entries()) {
        await bed().create({ name: `named-${i}`, spec: { loadBalancerIP } });
        await waits(`named-${i}`, 'AddressInUse', new RegExp(`in use by ${owner}, want a free one`));
      }
    });

    test('a gateway that another one takes the place of is free', async () => {
      const { router, nodes } = bed().lab.network;
      const [node] = nodes;
      assert.ok(node);
      await bed().lab.exec(node, ['ip', 'route', 'replace', 'default', 'via', '10.77.0.2']);
      assert.equal(await bed().addressOf('m2'), router.ip);
      await bed().lab.exec(node, ['ip', 'route', 'replace', 'default', 'via', router.ip]);
      const isTold = async () => (await gatewaysOf('node1'))?.[0]?.gateways?.includes(router.ip) === true;
      await bed().lab.waitFor('the gateway to be told', isTold, SOON);
      assert.equal(await bed().addressOf('m2'), router.ip, 'nobody is moved');
      for (const name of ['m1', 'm2', 'named-0', 'named-1']) await bed().remove(name);
      await removePool('mixed');
    });
  });

  describe('that are missing or full', () => {
    before(async () => {
      await removePool('default');
      for (const name of ['exact', 'early']) await bed().serviceGone(name);
    });

    test('without a pool a Service says so, and has its address when one appears', async () => {
      await bed().create({ name: 's1' });
      await waits('s1', 'NoPool', /no valid AddressPool: create one, for example with spec\.addresses/);
      await setPool('small', ['10.77.0.60']);
      assert.equal(await bed().addressOf('s1'), '10.77.0.60');
      await bed().condition('s1', 'fairlead.io/Allocated', 'True');
    });

    test('with a full pool it says so, and has its address when the pool grows', async () => {
      await bed().create({ name: 's2' });
      await waits(
        's2',
        'PoolsExhausted',
        /every IPv4 address of small \(1\) is in use: add addresses to a pool/,
      );
      await setPool('small', ['10.77.0.60-10.77.0.61']);
      assert.equal(await bed().addressOf('s2'), '10.77.0.61');
    });

    test('when an address is freed, the Service that has waited longest has it', async () => {
      // Times of creation have seconds only; within one the names decide.
      for (const name of ['s3', 's4']) {
        await bed().create({ name });
        await waits(name, 'PoolsExhausted', /in use/);
      }
      await bed().remove('s1');
      assert.equal(await bed().addressOf('s3'), '10.77.0.60');
      assert.equal((await failures('s4')).length, 1);
      await bed().remove('s2');
      assert.equal(await bed().addressOf('s4'), '10.77.0.61');
    });

    test('when a second pool comes, and when a reservation is deleted', async () => {
      await bed().create({ name: 's5' });
      await bed().create({ name: 's6' });
      await waits('s5', 'PoolsExhausted', /in use/);
      await waits('s6', 'PoolsExhausted', /in use/);
      await bed().lab.apply(reservation('10.77.0.71'));
      await setPool('other', ['10.77.0.70-10.77.0.71']);
      assert.equal(await bed().addressOf('s5'), '10.77.0.70');
      await bed().lab.api.remove(VIRTUAL_IP, { name: '10.77.0.71' });
      assert.equal(await bed().addressOf('s6'), '10.77.0.71');
    });

    test('what changes nothing for a Service that waits is not told again', async () => {
      await bed().create({ name: 's7' });
      await waits('s7', 'PoolsExhausted', /of other \(2\), small \(2\) is in use/);
      const { metadata } = await bed().service('s7');
      for (const address of ['10.77.0.60-10.77.0.61', '10.77.0.60/31']) await setPool('small', [address]);
      await bed().remove('s6');
      await bed().addressOf('s7');
      const [told, ...more] = await failures('s7');
      assert.deepEqual([told?.count, more], [1, []]);
      assert.notEqual((await bed().service('s7')).metadata.resourceVersion, metadata.resourceVersion);
    });

    test('a Service that does not want one any more frees nothing and asks for nothing', async () => {
      await bed().create({ name: 's8' });
      await waits('s8', 'PoolsExhausted', /in use/);
      const body = { spec: { type: 'ClusterIP', loadBalancerClass: null } };
      await bed().lab.api.patch(SERVICE, { namespace: WEB, name: 's8' }, { type: 'merge', body });
      await bed().create({ name: 's9' });
      await waits('s9', 'PoolsExhausted', /in use/);
      await bed().remove('s7');
      await bed().addressOf('s9');
      assert.deepEqual((await bed().service('s8')).status?.loadBalancer, {});
    });
  });
});

const reservation = (address: string) => ({
  apiVersion: 'fairlead.io/v1alpha1',
  kind: 'VirtualIP',
  metadata: { name: address },
  spec: { address, family: 'IPv4' },
});

type Definition = KubeObject & {
  spec: { versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: object } } } } }[] };
};

const DEFINITION = { name: 'addresspools.fairlead.io' };

/** Takes all rules about addresses out of the CRD, as an older one may have had none; returns the definition before. */
async function loosen(api: LabApi): Promise<Definition> {
  const strict = await api.get<Definition>(CUSTOM_RESOURCE_DEFINITION, DEFINITION);
  const loose = structuredClone(strict);
  for (const { schema } of loose.spec.versions) {
    schema.openAPIV3Schema.properties.spec.properties = {
      addresses: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    };
  }
  await replaceDefinition(api, loose);
  return strict;
}

async function replaceDefinition(api: LabApi, { spec }: Definition): Promise<void> {
  const operations = [{ op: 'replace', path: '/spec', value: spec }] as const;
  await api.patch(CUSTOM_RESOURCE_DEFINITION, DEFINITION, { type: 'json', operations });
}
