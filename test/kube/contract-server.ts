// The server under test as the tests of the contract see it: objects under names that are used once, and refusals.

import assert from 'node:assert/strict';
import type { KubeApi, KubeObject, ObjectRef, ResourceKind } from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { ADDRESS_POOL, SERVICE } from '../../src/kube/kinds.ts';

export interface ContractServer<Api extends KubeApi = KubeApi> {
  readonly api: Api;
  /** Unique in this server, for names of objects. */
  readonly prefix: string;
  close(): Promise<void>;
}

export const NAMESPACE = 'default';

/** A kind that has nothing but data. */
export const CONFIG_MAP: ResourceKind = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

export type Fields = Readonly<Record<string, unknown>>;
export type Any = KubeObject & Readonly<Record<string, Fields | undefined>>;

export const FINALIZER = 'fairlead.io/load-balancer';
export const LIMIT = { timeout: 20_000 };

/** Shorthands over the server under test. */
export class Cluster<Api extends KubeApi = KubeApi> {
  readonly #server: () => ContractServer<Api> | undefined;
  #count = 0;

  constructor(server: () => ContractServer<Api> | undefined) {
    this.#server = server;
  }

  get api(): Api {
    return this.#opened().api;
  }

  /** A name that is used once. */
  ref(): ObjectRef & { readonly namespace: string } {
    return { namespace: NAMESPACE, name: `${this.#opened().prefix}-${++this.#count}` };
  }

  async configMap(metadata: Fields = {}): Promise<Any> {
    const { namespace, name } = this.ref();
    return this.api.create<Any>(CONFIG_MAP, namespace, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...metadata, name, namespace },
      data: { key: 'value' },
    });
  }

  service(finalizers: readonly string[] = []): Promise<Any> {
    const { namespace, name } = this.ref();
    return this.api.create<Any>(SERVICE, namespace, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, finalizers },
      spec: { type: 'LoadBalancer', loadBalancerClass: 'fairlead.io/lb', ports: [{ port: 80 }] },
    });
  }

  /** A custom resource. What is said of its status is dropped by the server. */
  pool(finalizers: readonly string[] = []): Promise<Any> {
    return this.api.create<Any>(ADDRESS_POOL, undefined, {
      apiVersion: 'fairlead.io/v1alpha1',
      kind: 'AddressPool',
      metadata: { name: this.ref().name, ...(finalizers.length === 0 ? {} : { finalizers }) },
      spec: { addresses: ['192.0.2.0/28'] },
      status: { observedGeneration: 1 },
    });
  }

  #opened(): ContractServer<Api> {
    const server = this.#server();
    assert.ok(server, 'the server was not opened');
    return server;
  }
}

export const refOf = ({ metadata }: KubeObject): ObjectRef => ({
  name: metadata.name,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
});

export const refusedWith = (code: ApiError['code'], pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, pattern);
  return true;
};
