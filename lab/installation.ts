// Fairlead as the chart installs it, and its programs from dist/ in the places of its workloads: the controller in
// the control plane's namespace, one agent per node. They run with the chart's service accounts and roles, no more.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeApi } from '../src/kube/api.ts';
import { seconds } from '../src/time/duration.ts';
import type { ControlPlane } from './control-plane.ts';
import { mustExec } from './exec.ts';
import { hangEnvironment } from './hang.ts';
import { getIn } from './http-client.ts';
import { applyObject, type ManifestObject, parseManifest, waitUntilServed } from './manifest.ts';
import type { LabHost, LabNetwork, LabNode } from './network.ts';
import type { ProcessTable } from './process-table.ts';
import { writeServiceAccountKubeconfig } from './service-accounts.ts';
import { waitFor } from './wait.ts';
import { ensureNamespace } from './workload.ts';

export const SYSTEM_NAMESPACE = 'fairlead-system';

/** Where the programs serve health and metrics; further controllers take the ports after the first. */
export const PORTS = { agent: 9373, controller: 9374 } as const;

const CHART = fileURLToPath(new URL('../charts/fairlead', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../dist/fairlead.js', import.meta.url));
const WITHOUT_WORKLOADS = ['--set', 'controller.enabled=false', '--set', 'agent.enabled=false'];

type Component = 'agent' | 'controller';

/** What the chart makes when its workloads are switched off. */
export async function renderChart(helm: string): Promise<readonly ManifestObject[]> {
  return parseManifest(
    await mustExec([helm, 'template', 'fairlead', CHART, '-n', SYSTEM_NAMESPACE, ...WITHOUT_WORKLOADS]),
  );
}

export interface InstallationOptions {
  readonly network: LabNetwork;
  readonly processes: ProcessTable;
  readonly api: KubeApi;
  readonly controlPlane: ControlPlane;
  /** Added to each program's arguments, for example `['--log-level', 'debug']`. */
  readonly programArguments?: readonly string[];
  /** Added to the arguments of agents alone. */
  readonly agentArguments?: readonly string[];
  /** Added to the arguments of controllers alone. */
  readonly controllerArguments?: readonly string[];
  /** Added to the environment of `agent/NODE`, `controller/N`. */
  readonly environmentOf?: (target: string) => Readonly<Record<string, string>>;
  /** Whether the programs can be made to hang (lab/hang.ts). */
  readonly hangable: boolean;
  /** Whether controllers serve Services without a class too. */
  readonly defaultClass: boolean;
}

export class Installation {
  readonly #options: InstallationOptions;

  constructor(options: InstallationOptions) {
    this.#options = options;
  }

  /** Applies the chart's objects and makes the kubeconfigs; resolves when the custom resources are served. */
  async install(objects: readonly ManifestObject[]): Promise<void> {
    const { api } = this.#options;
    await ensureNamespace(api, SYSTEM_NAMESPACE);
    await Promise.all(objects.map((object) => applyObject(api, object)));
    const definitions = objects.filter((object) => object.kind === 'CustomResourceDefinition');
    await Promise.all([
      ...definitions.map((definition) => waitUntilServed(api, definition)),
      this.#writeKubeconfig('agent', objects),
      this.#writeKubeconfig('controller', objects),
    ]);
  }

  async #writeKubeconfig(component: Component, objects: readonly ManifestObject[]): Promise<void> {
    const account = objects.find(
      (object) => object.kind === 'ServiceAccount' && componentOf(object) === component,
    );
    if (account === undefined)
      throw new Error(`install chart: it has no service account of the component "${component}"`);
    const ref = { namespace: account.metadata.namespace ?? SYSTEM_NAMESPACE, name: account.metadata.name };
    const target = { path: this.#kubeconfig(component), access: this.#options.controlPlane.admin };
    await writeServiceAccountKubeconfig(this.#options.api, ref, target);
  }

  #kubeconfig(component: Component): string {
    return join(this.#options.network.stateDir, `${component}.kubeconfig`);
  }

  /** Starts the agent of a node; resolves when it says that it is ready. */
  async startAgent(node: LabNode): Promise<void> {
    // The nodes of the lab share a file system.
    const stateFile = join(this.#options.network.stateDir, `${node.name}.state.json`);
    const own = [
      '--node-name',
      node.name,
      '--state-file',
      stateFile,
      ...(this.#options.agentArguments ?? []),
    ];
    const argv = [...this.#argv('agent', PORTS.agent), ...own];
    await this.#start(`agent/${node.name}`, node, { argv, port: PORTS.agent });
  }

  /** Starts the controller number `index`; resolves when its process serves (only the leader of several acts). */
  async startController(
    index: number,
    { defaultClass }: { readonly defaultClass: boolean } = this.#options,
  ): Promise<void> {
    const port = PORTS.controller + index;
    const host = this.#options.network.controlPlane;
    const own = this.#options.controllerArguments ?? [];
    const argv = [...this.#argv('controller', port), ...(defaultClass ? ['--default-class'] : []), ...own];
    await this.#start(`controller/${index}`, host, { argv, port });
  }

  #argv(component: Component, port: number): readonly string[] {
    const extra = this.#options.programArguments ?? [];
    const common = [
      '--kubeconfig',
      this.#kubeconfig(component),
      '--listen',
      `0.0.0.0:${port}`,
      '--log-format',
      'json',
    ];
    return [process.execPath, PROGRAM, component, ...common, ...extra];
  }

  async #start(
    target: string,
    host: LabHost,
    program: { argv: readonly string[]; port: number },
  ): Promise<void> {
    const { hangable, network } = this.#options;
    const url = `http://${host.ip}:${program.port}/readyz`;
    const isReady = async (): Promise<boolean> => (await getIn(host.netns, url)).status === 200;
    await this.#options.processes.start({
      target,
      netns: host.netns,
      argv: program.argv,
      env: {
        ...(hangable ? hangEnvironment(network.stateDir, target) : {}),
        ...this.#options.environmentOf?.(target),
      },
      readyWhen: (signal) => waitFor(`${target} to be ready`, isReady, { deadline: seconds(60), signal }),
    });
  }
}

const componentOf = (object: ManifestObject): string | undefined =>
  object.metadata.labels?.['app.kubernetes.io/component'];
