// A list-watch on the fake server, in time that does not wait, with everything that it reported.

import type { TestContext } from 'node:test';
import type { KubeObject, ListWatch, WatchProblem, WatchState } from '../../src/kube/api.ts';
import { type Connection, createConnection } from '../../src/kube/connection.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { createListWatch } from '../../src/kube/list-watch.ts';
import { FakeKubeServer } from '../fake/fake-kube-server.ts';
import { VirtualTime } from '../fake/virtual-time.ts';

export interface WatchBed {
  readonly server: FakeKubeServer;
  readonly connection: Connection;
  readonly time: VirtualTime;
  readonly watch: ListWatch<KubeObject>;
  readonly changes: string[];
  readonly states: WatchState[];
  readonly problems: WatchProblem[];
  /** Resolves when such a change (`added web/a`) has arrived. */
  arrived(change: string): Promise<void>;
  /** Resolves when the watch is open, on both sides. */
  watching(): Promise<void>;
  /** How many watches the client has seen accepted. */
  openedWatches(): number;
}

/** Everything is closed when the test ends, however it ends. */
export async function openWatchBed(context: TestContext): Promise<WatchBed> {
  const server = new FakeKubeServer();
  const connection = createConnection({
    server: await server.listen(),
    tls: { rejectUnauthorized: true },
    headers: async () => ({ authorization: 'Bearer secret' }),
  });
  const time = new VirtualTime('retry');
  const changes: string[] = [];
  const states: WatchState[] = [];
  const problems: WatchProblem[] = [];
  let opened = 0;
  const source: Pick<Connection, 'listPage' | 'watch'> = {
    listPage: (kind, query) => connection.listPage(kind, query),
    watch: async (kind, query) => {
      const events = await connection.watch<never>(kind, query);
      opened += 1;
      return events;
    },
  };
  const watch = createListWatch<KubeObject>(source, SERVICE, {
    random: () => 0,
    time,
    onProblem: (problem) => problems.push(problem),
  });
  watch.onState((state) => states.push(state));
  watch.onChange((change) => {
    const { namespace, name } = (change.kind === 'deleted' ? change.before : change.object).metadata;
    changes.push(`${change.kind} ${namespace}/${name}`);
  });
  context.after(async () => {
    watch.stop();
    await connection.close();
    await server.close();
  });
  return {
    server,
    connection,
    time,
    watch,
    changes,
    states,
    problems,
    arrived: (change) => until(context, () => changes.includes(change)),
    watching: () => until(context, () => server.openWatches > 0 && opened >= server.acceptedWatches),
    openedWatches: () => opened,
  };
}

export const codesOf = (problems: readonly WatchProblem[]): readonly string[] =>
  problems.map(({ error }) => ('code' in error ? String(error.code) : error.name));

/** Turns the event loop until `condition` holds; ends with the test, which has a time limit. */
export async function until(context: TestContext, condition: () => boolean): Promise<void> {
  while (!condition()) {
    context.signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
