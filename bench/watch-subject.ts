// A program for the bench `watch`: lists and watches Services with Fairlead's own client or with plain
// @kubernetes/client-node, as lines of JSON on stdin ask.
//
// Usage, where the API server is reachable: node bench/watch-subject.ts fairlead|client-node KUBECONFIG.

import { createInterface } from 'node:readline';
import type { KubeObject } from '../src/kube/api.ts';
import { createConnection } from '../src/kube/connection.ts';
import { SERVICE } from '../src/kube/kinds.ts';
import { kubeconfigCredentials } from '../src/kube/kubeconfig-credentials.ts';
import { createListWatch } from '../src/kube/list-watch.ts';
import { sharedNow } from './first-reply.ts';

export type WatchCommand =
  | { readonly kind: 'list'; readonly namespace: string }
  /** Ends the watch before, if there is one. */
  | { readonly kind: 'watch'; readonly namespace: string }
  | { readonly kind: 'unwatch' };

export type WatchLine =
  | { readonly kind: 'listed'; readonly count: number; readonly milliseconds: number }
  | { readonly kind: 'watching' }
  | { readonly kind: 'unwatched' }
  /** `at`: when the handler was called, in milliseconds of the clock that all processes share. */
  | { readonly kind: 'event'; readonly resourceVersion: string; readonly at: number };

type Handler = (object: KubeObject) => void;

interface Subject {
  /** How many there are. */
  list(namespace: string): Promise<number>;
  /** Resolves when the watch is there; returns what ends it. */
  watch(namespace: string, handler: Handler): Promise<() => void>;
}

const tell = (line: WatchLine): void => console.log(JSON.stringify(line));

async function fairlead(kubeconfig: string): Promise<Subject> {
  const connection = createConnection(await kubeconfigCredentials(kubeconfig));
  return {
    list: async (namespace) => (await connection.list(SERVICE, { namespace })).length,
    watch: async (namespace, handler) => {
      const onProblem = ({ error }: { readonly error: Error }): never => fail(error);
      const watch = createListWatch(connection, SERVICE, { namespace, random: Math.random, onProblem });
      watch.onChange((change) => {
        if (change.kind !== 'deleted') handler(change.object);
      });
      watch.start();
      await watch.synced();
      return () => watch.stop();
    },
  };
}

/** Loaded here only, so that it takes nothing from the other subject. */
async function clientNode(kubeconfig: string): Promise<Subject> {
  const { CoreV1Api, KubeConfig, Watch } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  return {
    list: async (namespace) => (await api.listNamespacedService({ namespace })).items.length,
    watch: async (namespace, handler) => {
      let isEnded = false;
      const done = (error: unknown): void => {
        if (!isEnded) fail(error);
      };
      const path = `/api/v1/namespaces/${namespace}/services`;
      const call = (_type: string, object: KubeObject): void => handler(object);
      const controller = await new Watch(config).watch(path, {}, call, done);
      return () => {
        isEnded = true;
        controller.abort();
      };
    },
  };
}

/** A watch that broke would give figures of something else. */
function fail(error: unknown): never {
  process.stderr.write(`watch Services: ${String(error)}\n`);
  process.exit(1);
}

let end = (): void => undefined;

async function obey(subject: Subject, command: WatchCommand): Promise<void> {
  switch (command.kind) {
    case 'list': {
      const started = performance.now();
      const count = await subject.list(command.namespace);
      return tell({ kind: 'listed', count, milliseconds: performance.now() - started });
    }
    case 'watch':
      end = await subject.watch(command.namespace, ({ metadata }) => {
        const at = sharedNow();
        tell({ kind: 'event', resourceVersion: metadata.resourceVersion, at });
      });
      return tell({ kind: 'watching' });
    case 'unwatch':
      end();
      return tell({ kind: 'unwatched' });
  }
}

const [name = '', kubeconfig = ''] = process.argv.slice(2);
const subject = await (name === 'fairlead' ? fairlead : clientNode)(kubeconfig);
for await (const line of createInterface({ input: process.stdin }))
  await obey(subject, JSON.parse(line) as WatchCommand);
