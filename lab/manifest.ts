// Applying YAML manifests to the lab's cluster: server-side apply of each document, in order, through the lab's
// own API client. `lab kubectl apply` takes any kind; this takes the kinds that kinds.ts lists.

import { parseAllDocuments } from 'yaml';
import type { KubeApi, KubeObject } from '../src/kube/api.ts';
import { minutes, seconds } from '../src/time/duration.ts';
import { CUSTOM_RESOURCE_DEFINITION, resourceKindOf } from './kinds.ts';
import { waitFor } from './wait.ts';

/** An object as a manifest writes it. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** Reads all documents of a YAML text; throws for one that is no Kubernetes object. */
export function parseManifest(text: string): readonly ManifestObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const object: unknown = document.toJS();
    if (object === null) return [];
    if (!isManifestObject(object))
      throw new Error(`read manifest: want apiVersion, kind and metadata.name in ${JSON.stringify(object)}`);
    return [object];
  });
}

/** Applies one object; a namespaced one without a namespace goes to `default`. */
export async function applyObject(api: KubeApi, object: ManifestObject): Promise<KubeObject> {
  const kind = resourceKindOf(object.apiVersion, object.kind);
  const { name, namespace = 'default' } = object.metadata;
  const ref = kind.namespaced ? { namespace, name } : { name };
  return api.patch(kind, ref, { type: 'apply', body: object, fieldManager: 'fairlead-lab', force: true });
}

// For two seconds after a definition was established the API server makes every creation of its objects wait for two
// seconds (kube-apiserver's handler of custom resources, for the sake of several servers): that would be measured as ours.
const CREATION_DELAY = seconds(2);

/** Resolves when the API server serves the custom resource, and creates its objects without delay. */
export async function waitUntilServed(api: KubeApi, definition: ManifestObject): Promise<void> {
  const isServed = async (): Promise<boolean> => {
    const current = await api.get<DefinitionStatus>(CUSTOM_RESOURCE_DEFINITION, {
      name: definition.metadata.name,
    });
    const established = current.status?.conditions?.find(({ type }) => type === 'Established');
    if (established?.status !== 'True') return false;
    return Date.now() >= Date.parse(established.lastTransitionTime) + CREATION_DELAY;
  };
  await waitFor(`${definition.metadata.name} to be served`, isServed, minutes(1));
}

interface DefinitionStatus extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
  };
}

function isManifestObject(object: unknown): object is ManifestObject {
  const candidate = object as Partial<ManifestObject> | null | undefined;
  return (
    typeof candidate?.apiVersion === 'string' &&
    typeof candidate.kind === 'string' &&
    typeof candidate.metadata?.name === 'string'
  );
}
