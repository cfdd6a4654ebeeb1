// Programs that the real API server refuses from the start: they wait for what may still come, then end with one line
// and the exit code that says whose turn it is. Many at a time, each with an identity and a namespace of its own.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLab, type Lab } from '../../lab/cluster.ts';
import { getIn } from '../../lab/http-client.ts';
import { SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { SERVICE_ACCOUNT } from '../../lab/kinds.ts';
import { type Access, writeKubeconfig } from '../../lab/kubeconfig.ts';
import type { ProcessExit } from '../../lab/process-table.ts';
import { requestToken } from '../../lab/service-accounts.ts';
import { ensureNamespace } from '../../lab/workload.ts';
import { SECRET } from '../../src/kube/kinds.ts';
import {
  HEARTBEAT_KEY_LENGTH,
  HEARTBEAT_SECRET,
  heartbeatSecretData,
} from '../../src/resource/heartbeat-secret.ts';
import { seconds } from '../../src/time/duration.ts';
import { CERTIFICATE } from '../kube/certificate.ts';
import { requirement } from '../requirements.ts';
import { SOON } from './bed.ts';
import {
  type Component,
  type Right,
  readRole,
  rightsOf,
  roleKind,
  rolesOf,
  titleOf,
  without,
} from './rights.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/fairlead.js', import.meta.url));
/** Ten times the patience of a program would be too long to wait for what does not come; this is four times. */
const AFTER_PATIENCE = seconds(120);
const PORT = 9373;

const RIGHTS: readonly (readonly [Component, readonly string[]])[] = [
  ['agent', ['list virtualips', 'list leases']],
  [
    'controller',
    [
      ...['services', 'nodes', 'addresspools', 'announcers', 'virtualips', 'leases', 'endpointslices'].map(
        (each) => `list ${each}`,
      ),
      ...['get leases', 'create leases', 'update leases'],
    ],
  ],
];

interface Trial {
  readonly id: string;
  readonly component: Component;
  readonly access: Access;
}

class StartBed {
  readonly lab: Lab;
  #count = 0;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** An identity of its own that may do what the component may, without `right`; nothing at all without `grant`. */
  async identity(
    component: Component,
    right?: Right,
  ): Promise<Trial & { readonly grant: () => Promise<void> }> {
    const id = `start-${++this.#count}`;
    const { api, controlPlane } = this.lab;
    await ensureNamespace(api, id);
    const name = `fairlead-${component}`;
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: id } };
    await api.create(SERVICE_ACCOUNT, id, account);
    const token = await requestToken(api, { namespace: id, name });
    const grant = () => this.#grant(id, component, right);
    return { id, component, access: { ...controlPlane.admin, token }, grant };
  }

  async #grant(id: string, component: Component, right: Right | undefined): Promise<void> {
    for (const role of rolesOf(component)) {
      const { kind } = role;
      const { rules } = await readRole(this.lab, role);
      const isMeant = right?.role.kind === kind && right.role.namespace === role.namespace;
      // What is ours in the system's namespace is in the program's own here.
      const namespace = role.namespace === SYSTEM_NAMESPACE ? id : role.namespace;
      const metadata = { name: id, ...(namespace === undefined ? {} : { namespace }) };
      const apiVersion = 'rbac.authorization.k8s.io/v1';
      const object = { apiVersion, kind, metadata, rules: isMeant ? without(rules, right) : rules };
      await this.lab.api.create(roleKind(kind), namespace, object);
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind, name: id };
      const subjects = [{ kind: 'ServiceAccount', name: `fairlead-${component}`, namespace: id }];
      const binding = { apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects };
      await this.lab.api.create(roleKind(`${kind}Binding`), namespace, binding);
    }
  }

  /** Starts the program in its place; resolves when it runs. */
  async start({ id, component, access }: Trial, ...more: readonly string[]): Promise<void> {
    const { network, processes } = this.lab;
    const path = join(network.stateDir, `${id}.kubeconfig`);
    await writeKubeconfig(path, id, access);
    const argv = [process.execPath, PROGRAM, component, '--kubeconfig', path, '--namespace', id];
    const host = component === 'agent' ? network.nodes[0] : network.controlPlane;
    assert.ok(host);
    const listen = more.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
    const flags = ['--log-format', 'json', ...listen, ...more];
    await processes.start({ target: id, netns: host.netns, argv: [...argv, ...flags] });
  }

  /** The key that the controller would make. */
  async createKey({ id: namespace }: Trial): Promise<void> {
    const metadata = { name: HEARTBEAT_SECRET, namespace };
    const data = heartbeatSecretData(randomBytes(HEARTBEAT_KEY_LENGTH));
    await this.lab.api.create(SECRET, namespace, { apiVersion: 'v1', kind: 'Secret', metadata, data });
  }

  said(id: string): string {
    return readFileSync(this.lab.processes.logFileOf(id), 'utf8');
  }

  until(id: string, pattern: RegExp): Promise<true> {
    return this.lab.waitFor(`${id} to say ${pattern}`, () => pattern.test(this.said(id)), SOON);
  }

  /** How it ended by itself, and that it said why in one line. */
  async ended({ id }: Trial, code: number, reason: RegExp): Promise<void> {
    const exit = await Promise.race([this.lab.processes.exited(id), late()]);
    assert.equal((exit as ProcessExit | undefined)?.code, code, this.said(id).slice(-2000));
    const lines = this.said(id).trimEnd().split('\n');
    assert.match(lines.at(-1) ?? '', /^fairlead: /);
    assert.match(lines.at(-1) ?? '', reason);
    assert.equal(
      lines.filter((line) => line.startsWith('{') === false).length,
      1,
      'one line besides the log',
    );
    assert.equal(lines.filter((line) => line.includes('"level":"fatal"')).length, 1);
    assert.ok(
      lines.some((line) => line.includes('"level":"warn"')),
      'warned before',
    );
    assert.doesNotMatch(this.said(id), /"stack"|internal error/);
  }
}

async function late(): Promise<undefined> {
  await new Promise((resolve) => setTimeout(resolve, AFTER_PATIENCE).unref());
  return undefined;
}

describe('a program that the API refuses from the start', requirement('cluster'), () => {
  let bed: StartBed;
  const trials = new Map<string, Trial>();
  const found = (title: string): Trial => {
    const trial = trials.get(title);
    assert.ok(trial, title);
    return trial;
  };

  before(async () => {
    const options = { nodes: 1, controllers: 0, agents: false, kubeProxy: false } as const;
    bed = new StartBed(await createLab({ name: 'e2e-start', ...options }));
    for (const [component, titles] of RIGHTS) {
      const rights = await rightsOf(bed.lab, component);
      for (const title of titles) {
        const trial = await bed.identity(
          component,
          rights.find((right) => titleOf(right) === title),
        );
        await trial.grant();
        trials.set(`${component} ${title}`, trial);
      }
      const known = await bed.identity(component);
      await known.grant();
      const { access } = known;
      trials.set(`${component} token`, {
        ...known,
        id: `${known.id}-token`,
        access: { ...access, token: 'no.such.token' },
      });
      const stranger = { ...access, certificateAuthority: CERTIFICATE };
      trials.set(`${component} authority`, { ...known, id: `${known.id}-ca`, access: stranger });
      const nobody = { ...access, server: access.server.replace(/:\d+$/, ':1') };
      trials.set(`${component} nobody`, { ...known, id: `${known.id}-nobody`, access: nobody });
    }
    for (const trial of trials.values()) {
      const name = trial.component === 'agent' ? ['--node-name', 'node1'] : [];
      await bed.start(trial, ...name);
    }
  });
  after(() => bed?.lab.down());

  for (const [component, titles] of RIGHTS) {
    for (const title of titles) {
      const [verb, resource] = title.split(' ');
      test(`${component}: without the right to ${title} it ends with 5`, async () => {
        const wanted = new RegExp(`want the roles of the chart: .* cannot ${verb} resource "${resource}" `);
        await bed.ended(found(`${component} ${title}`), 5, wanted);
      });
    }

    test(`${component}: with a token that the API does not know it ends with 5`, async () => {
      await bed.ended(
        found(`${component} token`),
        5,
        /want a token or certificate that is valid: .*Unauthorized/,
      );
    });

    test(`${component}: with the authority of another cluster it ends with 3`, async () => {
      await bed.ended(found(`${component} authority`), 3, /is not trusted; want the CA that signed it/);
    });

    test(`${component}: where nobody listens it goes on, and ends with 0 when it is asked`, async () => {
      const { id } = found(`${component} nobody`);
      await bed.until(id, /"level":"warn".*ECONNREFUSED/);
      assert.equal(bed.lab.processes.get(id)?.state, 'Running');
      const { code } = await bed.lab.processes.stop(id, SOON);
      assert.equal(code, 0);
      assert.doesNotMatch(bed.said(id), /"stack"|^fairlead: /m);
    });

    test(`${component}: roles that are loaded after it are soon enough`, async () => {
      const trial = await bed.identity(component);
      const name = component === 'agent' ? ['--node-name', 'node1'] : [];
      // No controller is here that would have made it.
      if (component === 'agent') await bed.createKey(trial);
      await bed.start(trial, '--listen', `0.0.0.0:${PORT}`, ...name);
      await bed.until(trial.id, /"level":"warn".*cannot \w+ resource/);
      await trial.grant();
      const { nodes, controlPlane } = bed.lab.network;
      const host = component === 'agent' ? nodes[0] : controlPlane;
      assert.ok(host);
      const isReady = async () =>
        (await getIn(host.netns, `http://${host.ip}:${PORT}/readyz`)).status === 200;
      await bed.lab.waitFor('it to be ready', isReady, AFTER_PATIENCE);
      assert.equal(bed.lab.processes.get(trial.id)?.state, 'Running');
    });
  }
});
