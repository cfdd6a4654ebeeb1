// What a lab takes from outside, brought together before it starts: the Kubernetes programs, etcd, Fairlead's
// bundles and the rendered chart.

import { ensureBuilt } from './build.ts';
import type { Binaries } from './control-plane.ts';
import { renderChart } from './installation.ts';
import { ensureEtcd, ensureKubeBinaries } from './kube-binaries.ts';
import type { ManifestObject } from './manifest.ts';
import { ensureTools } from './tools.ts';

export interface Ingredients {
  readonly binaries: Binaries;
  /** Of the API server, for example `v1.36.3`. */
  readonly version: string;
  readonly chart: readonly ManifestObject[];
}

/** Why a lab can not be made on this machine: the message says what has to be installed first. */
export class LabUnavailable extends Error {}

/** Asked first of all: building an API server takes minutes, and without root there is no namespace to run it in. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0)
    throw new LabUnavailable('make network namespaces: not root; want root, for example by sudo');
}

/** Finds or makes everything; rejects with LabUnavailable when something is missing that it can not make. */
export async function gatherIngredients(onProgress: (line: string) => void): Promise<Ingredients> {
  requireRoot();
  const [kube, etcd, chart] = await Promise.all([
    ensureKubeBinaries({ onProgress }),
    ensureEtcd(),
    ensureTools().then((tools) => renderChart(tools.helm)),
    ensureBuilt(onProgress),
  ]);
  if (kube.kind === 'missing') throw new LabUnavailable(kube.reason);
  if (etcd.kind === 'missing') throw new LabUnavailable(etcd.reason);
  return { binaries: { kube: kube.dir, etcd: etcd.path }, version: kube.version, chart };
}
