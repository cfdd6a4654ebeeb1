// The controller makes the heartbeat key where there is none, once, and leaves what is there alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeartbeatKey } from '../../src/cloudprovider/heartbeat-key.ts';
import { SECRET } from '../../src/kube/kinds.ts';
import {
  HEARTBEAT_SECRET,
  heartbeatSecretData,
  readHeartbeatKeys,
} from '../../src/resource/heartbeat-secret.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { FakeKubeApi, fail } from '../fake/fake-kube-api.ts';
import { FakeLog } from '../fake/fake-reports.ts';
import { settle, VirtualTime } from '../fake/virtual-time.ts';

const NAMESPACE = 'fairlead-system';
const REF = { namespace: NAMESPACE, name: HEARTBEAT_SECRET };

class Bed {
  readonly time = new VirtualTime();
  readonly log = new FakeLog();
  readonly api: FakeKubeApi;
  readonly key: HeartbeatKey;
  #draws = 0;

  constructor(api = new FakeKubeApi(), first = 1) {
    this.api = api;
    this.key = new HeartbeatKey({
      api,
      namespace: NAMESPACE,
      random: (count) => new Uint8Array(count).fill(first + this.#draws++),
      timers: this.time,
      log: this.log,
    });
  }

  async start(): Promise<void> {
    this.key.start();
    await settle();
  }

  async pass(count: number): Promise<void> {
    await this.time.advance(milliseconds(count));
  }

  /** The first byte of the key. */
  stored(): number | undefined {
    return this.#read()?.secret[0];
  }

  storedId(): number | undefined {
    return this.#read()?.id;
  }

  #read(): { readonly id: number; readonly secret: Uint8Array } | undefined {
    const data = this.api.cluster.stored(SECRET, REF)?.data as Record<string, unknown> | undefined;
    const parsed = data && readHeartbeatKeys(data);
    return parsed?.kind === 'value' ? parsed.value.keys[0] : undefined;
  }
}

test('it is made where there is none, and not again', async () => {
  const bed = new Bed();
  await bed.start();
  assert.equal(bed.stored(), 1);
  await bed.pass(600_000);
  assert.deepEqual(bed.api.cluster.writes, ['create secrets/fairlead-heartbeat']);
  assert.deepEqual(bed.log.at('info'), ['heartbeat key made']);
  assert.ok(!JSON.stringify(bed.log.lines).includes('AQEB'), 'the key is not logged');
});

test('what is there stays, whatever it holds', async () => {
  const bed = new Bed();
  bed.api.cluster.put(SECRET, { metadata: { ...REF, uid: 'uid-1' }, data: { 1: 'bm9uZQ==' } });
  await bed.start();
  await bed.pass(600_000);
  assert.deepEqual(bed.api.cluster.writes, []);
});

test('one that was deleted comes back within a minute, as another one under another id', async () => {
  const bed = new Bed();
  await bed.start();
  const id = bed.storedId();
  bed.api.cluster.erase(SECRET, REF);
  await bed.pass(60_000);
  assert.equal(bed.stored(), 3);
  assert.equal(bed.storedId(), (id ?? 0) + 1);
  bed.api.cluster.put(SECRET, {
    metadata: { ...REF, uid: 'uid-2' },
    data: heartbeatSecretData(new Uint8Array(32), 255),
  });
  await bed.pass(60_000);
  bed.api.cluster.erase(SECRET, REF);
  await bed.pass(60_000);
  assert.equal(bed.storedId(), 1, 'after the last one');
});

test('of two that make it at once the first one counts, and neither complains', async () => {
  const first = new Bed();
  const second = new Bed(new FakeKubeApi(first.api.cluster), 100);
  // Both have seen that there is none before either has made it.
  for (const bed of [first, second])
    bed.api.before = ({ verb }) => {
      if (verb === 'create') bed.api.before = () => {};
    };
  await Promise.all([first.start(), second.start()]);
  assert.equal(first.stored(), 1);
  assert.deepEqual(
    [...first.log.lines, ...second.log.lines].map(({ message }) => message),
    ['heartbeat key made'],
  );
  const creations = second.api.requests.filter(({ verb }) => verb === 'create');
  assert.equal(creations.length, 1, 'the second one has tried');
});

for (const code of ['Forbidden', 'Unreachable'] as const) {
  test(`as long as the API says ${code} it is tried again, and warned of once`, async () => {
    const bed = new Bed();
    bed.api.before = () => fail(code);
    await bed.start();
    await bed.pass(60_000);
    assert.deepEqual(bed.log.at('warn'), ['heartbeat key not read or made']);
    bed.api.recover();
    await bed.pass(5000);
    assert.equal(bed.stored(), 1);
  });
}

test('after its stop nothing more is looked at', async () => {
  const bed = new Bed();
  await bed.start();
  bed.key.stop();
  const count = bed.api.requests.length;
  await bed.pass(600_000);
  assert.deepEqual([bed.api.requests.length, bed.time.pending()], [count, []]);
});
