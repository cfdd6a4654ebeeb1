// The chart as Helm renders it: rights to the last verb, CRDs that are bounded and described, workloads that can be
// switched off, and types that are generated from these CRDs.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { ensureTools } from '../../lab/tools.ts';
import { generateTypes } from '../../scripts/generate-types.ts';

const CHART = fileURLToPath(new URL('../../charts/fairlead', import.meta.url));
const CRDS = `${CHART}/files/crds/`;
const run = promisify(execFile);
const { helm } = await ensureTools();

interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Record<string, string>;
  };
  readonly rules?: readonly Rule[];
  readonly spec?: Record<string, unknown>;
}
interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

async function render(...settings: string[]): Promise<readonly Manifest[]> {
  const flags = settings.flatMap((setting) => ['--set', setting]);
  const { stdout } = await run(helm, ['template', 'fairlead', CHART, '-n', 'fairlead-system', ...flags]);
  const documents = parseAllDocuments(stdout);
  for (const { errors } of documents) assert.deepEqual(errors, []);
  return documents
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const named = (manifests: readonly Manifest[]) =>
  manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();

/** `group/resource names: verbs`, one line for each resource. */
const rights = (manifest: Manifest | undefined) =>
  (manifest?.rules ?? [])
    .flatMap(({ apiGroups, resources, resourceNames = [], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.map(
          (resource) => `${[`${group}/${resource}`, ...resourceNames].join(' ')}: ${verbs.join(' ')}`,
        ),
      ),
    )
    .sort();

const WITHOUT_WORKLOADS = [
  'ClusterRole fairlead-agent',
  'ClusterRole fairlead-controller',
  'ClusterRoleBinding fairlead-agent',
  'ClusterRoleBinding fairlead-controller',
  'CustomResourceDefinition addresspools.fairlead.io',
  'CustomResourceDefinition announcers.fairlead.io',
  'CustomResourceDefinition virtualips.fairlead.io',
  'Role fairlead-agent',
  'Role fairlead-controller',
  'RoleBinding fairlead-agent',
  'RoleBinding fairlead-controller',
  'ServiceAccount fairlead-agent',
  'ServiceAccount fairlead-controller',
];

test('helm lint has no complaint', async () => {
  const { stdout } = await run(helm, ['lint', '--strict', CHART]);
  assert.match(stdout, /0 chart\(s\) failed/);
});

test('the workloads can be left out, and nothing else changes', async () => {
  const all = named(await render());
  assert.deepEqual(named(await render('controller.enabled=false', 'agent.enabled=false')), WITHOUT_WORKLOADS);
  assert.deepEqual(
    all,
    [...WITHOUT_WORKLOADS, 'DaemonSet fairlead-agent', 'Deployment fairlead-controller'].sort(),
  );
});

test('the rights are these and no others', async () => {
  const manifests = await render();
  const of = (kind: string, name: string) =>
    rights(manifests.find((one) => one.kind === kind && one.metadata.name === name));
  assert.deepEqual(of('ClusterRole', 'fairlead-controller'), [
    '/events: create patch',
    '/namespaces: list watch',
    '/nodes: list watch',
    '/services/status: patch',
    '/services: get list watch',
    'discovery.k8s.io/endpointslices: list watch',
    'fairlead.io/addresspools/status: patch',
    'fairlead.io/addresspools: list watch',
    'fairlead.io/announcers: list watch',
    'fairlead.io/virtualips/status: patch',
    'fairlead.io/virtualips: get list watch create patch delete',
  ]);
  assert.deepEqual(of('Role', 'fairlead-controller'), [
    '/secrets fairlead-heartbeat: get',
    '/secrets: create',
    'coordination.k8s.io/leases fairlead-controller: update',
    'coordination.k8s.io/leases: get list watch create',
  ]);
  assert.deepEqual(of('ClusterRole', 'fairlead-agent'), [
    '/namespaces kube-system: get',
    '/nodes: get',
    'fairlead.io/announcers/status: patch',
    'fairlead.io/announcers: create patch',
    'fairlead.io/virtualips/status: patch',
    'fairlead.io/virtualips: get list watch patch',
  ]);
  assert.deepEqual(of('Role', 'fairlead-agent'), [
    '/secrets fairlead-heartbeat: get',
    'coordination.k8s.io/leases: get list watch create update patch',
  ]);
});

test('the agent runs on the host network with two capabilities and a read-only file system', async () => {
  const agent = (await render()).find(({ kind }) => kind === 'DaemonSet');
  assert.partialDeepStrictEqual(agent?.spec, {
    template: {
      spec: {
        hostNetwork: true,
        serviceAccountName: 'fairlead-agent',
        terminationGracePeriodSeconds: 30,
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            args: ['agent', '--namespace=fairlead-system', '--listen=0.0.0.0:9373', '--log-level=info'],
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
            },
          },
        ],
      },
    },
  });
});

test('the controller is told every class, and is root of nothing', async () => {
  const manifests = await render('controller.loadBalancerClasses={fairlead.io/lb,example.com/second}');
  const controller = manifests.find(({ kind }) => kind === 'Deployment');
  const args = ['controller', '--namespace=fairlead-system', '--listen=0.0.0.0:9374', '--log-level=info'];
  const classes = ['--load-balancer-class=fairlead.io/lb', '--load-balancer-class=example.com/second'];
  assert.partialDeepStrictEqual(controller?.spec, {
    template: {
      spec: { securityContext: { runAsNonRoot: true }, containers: [{ args: [...args, ...classes] }] },
    },
  });
});

test('the controller is the default implementation only where that is asked for', async () => {
  const argsOf = async (...settings: string[]) =>
    JSON.stringify((await render(...settings)).find(({ kind }) => kind === 'Deployment')?.spec);
  assert.doesNotMatch(await argsOf(), /--default-class/);
  assert.match(
    await argsOf('controller.defaultClass=true'),
    /"--load-balancer-class=fairlead.io\/lb","--default-class"\]/,
  );
});

test('the controller rebalances only where that is asked for', async () => {
  const argsOf = async (...settings: string[]) =>
    JSON.stringify((await render(...settings)).find(({ kind }) => kind === 'Deployment')?.spec);
  for (const off of [[], ['controller.rebalance=Off'], ['controller.rebalance=false']])
    assert.doesNotMatch(await argsOf(...off), /--rebalance/);
  assert.match(await argsOf('controller.rebalance=Slow'), /"--rebalance=Slow"\]/);
});

test('the overlap of addresses that are replaced is told where it is another than the default', async () => {
  const argsOf = async (...settings: string[]) =>
    JSON.stringify((await render(...settings)).find(({ kind }) => kind === 'Deployment')?.spec);
  assert.doesNotMatch(await argsOf(), /--replacement-overlap/);
  for (const overlap of ['0', '10m'])
    assert.match(
      await argsOf(`controller.replacementOverlap=${overlap}`),
      new RegExp(`"--replacement-overlap=${overlap}"]`),
    );
});

test('Helm keeps the CRDs, and renders them as they are in the files', async () => {
  const rendered = (await render()).filter(({ kind }) => kind === 'CustomResourceDefinition');
  assert.equal(rendered.length, 3);
  for (const { metadata, spec } of rendered) {
    assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep');
    const file = readFileSync(`${CRDS}${metadata.name.replace('.fairlead.io', '')}.yaml`, 'utf8');
    assert.deepEqual(spec, (parse(file) as Manifest).spec);
  }
});

/** What is wrong with a schema, each with its path. */
function findings(schema: Schema, path: string): string[] {
  const isBounded = schema.enum !== undefined || schema.maxLength !== undefined;
  const isTopLevel = ['.apiVersion', '.kind', '.metadata', '.metadata.name'].includes(path);
  const own = [
    schema.description === undefined && path !== '.metadata' ? [`${path}: no description`] : [],
    schema.type === 'array' && schema.maxItems === undefined ? [`${path}: a list without maxItems`] : [],
    schema.type === 'string' && !isBounded && !isTopLevel ? [`${path}: text without maxLength`] : [],
  ].flat();
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    findings(field, `${path}.${name}`),
  );
  return [...own, ...below, ...(schema.items === undefined ? [] : findings(schema.items, `${path}[]`))];
}

for (const file of readdirSync(CRDS)) {
  test(`${file}: every field is described and bounded`, () => {
    const { spec } = parse(readFileSync(CRDS + file, 'utf8')) as {
      spec: { names: object; versions: object[] };
    };
    assert.partialDeepStrictEqual(spec, {
      names: { categories: ['fairlead'] },
      versions: [{ subresources: { status: {} } }],
    });
    const [version] = spec.versions as { schema: { openAPIV3Schema: Schema } }[];
    assert.ok(version);
    assert.deepEqual(findings(version.schema.openAPIV3Schema, ''), []);
  });
}

test('the generated types are those of the CRDs', () => {
  const file = fileURLToPath(new URL('../../src/resource/generated.ts', import.meta.url));
  assert.equal(readFileSync(file, 'utf8'), generateTypes(CRDS), 'run `node scripts/generate-types.ts`');
});
