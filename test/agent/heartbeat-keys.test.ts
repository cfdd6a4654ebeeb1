// What the agent gives its worker to exchange heartbeats with: as soon as there is a key, again when it is another one,
// and nothing that does not work.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeartbeatKeys } from '../../src/agent/heartbeat-keys.ts';
import { NAMESPACE, SECRET } from '../../src/kube/kinds.ts';
import { HEARTBEAT_SECRET, heartbeatSecretData } from '../../src/resource/heartbeat-secret.ts';
import { milliseconds } from '../../src/time/duration.ts';
import type { HeartbeatSettings } from '../../src/wire-worker/heartbeat-settings.ts';
import { FakeKubeApi, fail } from '../fake/fake-kube-api.ts';
import { FakeLog } from '../fake/fake-reports.ts';
import { settle, VirtualTime } from '../fake/virtual-time.ts';

const NAME = 'fairlead-system';
const REF = { namespace: NAME, name: HEARTBEAT_SECRET };
const keyOf = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

class Bed {
  readonly time = new VirtualTime();
  readonly api = new FakeKubeApi();
  readonly log = new FakeLog();
  readonly sent: HeartbeatSettings[] = [];
  reads = 0;
  readonly states: string[] = [];
  readonly keys: HeartbeatKeys = new HeartbeatKeys({
    api: this.api,
    namespace: NAME,
    settings: { session: '9f3c0a11d2e47b60', intervalMs: 100, multiplier: 3 },
    timers: this.time,
    clock: this.time,
    random: () => 0,
    log: this.log,
    send: (settings) => this.sent.push(settings),
    onRead: () => this.reads++,
    onState: () => this.states.push(this.state()),
  });

  constructor() {
    this.api.cluster.put(NAMESPACE, { metadata: { name: 'kube-system', uid: 'uid-cluster' } });
  }

  /** `used KeyMissing` and so on. */
  state(): string {
    const { isInUse, problem } = this.keys.state();
    return [isInUse ? 'used' : 'none', ...(problem === undefined ? [] : [problem.reason])].join(' ');
  }

  put(data: object): void {
    this.api.cluster.put(SECRET, { metadata: { ...REF, uid: 'uid-secret' }, data });
  }

  async start(): Promise<void> {
    this.keys.start();
    await settle();
  }

  async pass(count: number): Promise<void> {
    await this.time.advance(milliseconds(count));
  }

  /** First bytes of the keys that were sent, the active one's id behind them. */
  given(): readonly string[] {
    return this.sent.map(({ keys, activeKey }) => `${keys.map(({ secret }) => secret[0])} ${activeKey}`);
  }
}

test('with a key there the worker is given everything', async () => {
  const bed = new Bed();
  bed.put(heartbeatSecretData(keyOf(7)));
  await bed.start();
  assert.deepEqual(bed.sent, [
    {
      session: '9f3c0a11d2e47b60',
      intervalMs: 100,
      multiplier: 3,
      clusterUid: 'uid-cluster',
      keys: [{ id: 1, secret: keyOf(7) }],
      activeKey: 1,
    },
  ]);
  await bed.pass(300_000);
  assert.equal(bed.sent.length, 1, 'the same key is not given again');
});

test('without one it is waited for, with longer pauses, and warned of once', async () => {
  const bed = new Bed();
  await bed.start();
  await bed.pass(60_000);
  const delays = bed.time.delays.map(({ delay }) => delay / 1000);
  assert.deepEqual(delays, [1, 2, 4, 8, 15, 15, 15, 15]);
  assert.deepEqual(bed.log.at('warn'), ['heartbeat key not read']);
  bed.put(heartbeatSecretData(keyOf(7)));
  await bed.pass(15_000);
  assert.deepEqual(bed.given(), ['7 1']);
});

test('one that is malformed is told of without its value, and taken when it was repaired', async () => {
  const bed = new Bed();
  const secret = Buffer.from('hunter2').toString('base64');
  bed.put({ 1: secret, active: Buffer.from('1').toString('base64') });
  await bed.start();
  await bed.pass(120_000);
  assert.deepEqual(bed.sent, []);
  assert.deepEqual(bed.log.at('warn'), ['heartbeat key not usable']);
  assert.ok(!JSON.stringify(bed.log.lines).includes(secret));
  bed.put(heartbeatSecretData(keyOf(8)));
  await bed.pass(60_000);
  assert.deepEqual(bed.given(), ['8 1']);
});

test('another key is given within a minute; a malformed one leaves the worker what it has', async () => {
  const bed = new Bed();
  bed.put(heartbeatSecretData(keyOf(7)));
  await bed.start();
  bed.put({ ...heartbeatSecretData(keyOf(7)), 2: Buffer.from(keyOf(9)).toString('base64') });
  await bed.pass(60_000);
  bed.put({ active: '' });
  await bed.pass(60_000);
  bed.api.cluster.erase(SECRET, REF);
  await bed.pass(60_000);
  assert.deepEqual(bed.given(), ['7 1', '7,9 1']);
  assert.deepEqual(bed.states, ['used', 'used', 'used KeyMalformed', 'used KeyMissing']);
  assert.deepEqual(bed.log.at('warn'), ['heartbeat key not usable', 'heartbeat key not read']);
  bed.put(heartbeatSecretData(keyOf(5)));
  await bed.pass(60_000);
  assert.deepEqual(bed.given().at(-1), '5,9 1');
  assert.equal(bed.state(), 'used');
});

for (const code of ['Forbidden', 'Unreachable'] as const) {
  test(`as long as the API says ${code} it is asked again, and warned of once`, async () => {
    const bed = new Bed();
    bed.put(heartbeatSecretData(keyOf(7)));
    bed.api.before = () => fail(code);
    await bed.start();
    await bed.pass(40_000);
    assert.deepEqual([bed.sent.length, bed.log.at('warn').length], [0, 1]);
    bed.api.recover();
    await bed.pass(15_000);
    assert.deepEqual(bed.given(), ['7 1']);
    bed.api.before = () => fail(code);
    await bed.pass(600_000);
    assert.deepEqual([bed.sent.length, bed.log.at('warn').length], [1, 2]);
  });
}

for (const { name, data, problem } of [
  { name: 'empty', data: {}, problem: /^data.active \(absent\): want the id of one of the keys, in base64$/ },
  {
    name: 'with a key of 31 bytes',
    data: { ...heartbeatSecretData(keyOf(7)), 2: Buffer.alloc(31, 9).toString('base64') },
    problem: /^data.2 "\(not shown\)": want 32 bytes in base64$/,
  },
  {
    name: 'with an id that is none',
    data: { ...heartbeatSecretData(keyOf(7)), '01': Buffer.alloc(32, 9).toString('base64') },
    problem: /^data "01": want key ids from 1 to 255$/,
  },
  {
    name: 'with an active key that it has not',
    data: { ...heartbeatSecretData(keyOf(7)), active: Buffer.from('3').toString('base64') },
    problem: /^data.active 3: want the id of one of the keys, in base64$/,
  },
])
  test(`a Secret ${name} is told of by field and by what was wanted, and nothing is sent`, async () => {
    const bed = new Bed();
    bed.put(data);
    await bed.start();
    assert.deepEqual([bed.sent, bed.state()], [[], 'none KeyMalformed']);
    assert.match(bed.keys.state().problem?.message ?? '', problem);
    const secrets = Object.values(data).filter((value) => value.length > 8);
    for (const secret of secrets) assert.ok(!JSON.stringify(bed.log.lines).includes(secret));
  });

test('a key that replaces another is accepted at once, used after two minutes, and the former one goes after ten', async () => {
  const bed = new Bed();
  bed.put(heartbeatSecretData(keyOf(7)));
  await bed.start();
  bed.put(heartbeatSecretData(keyOf(9), 2));
  await bed.pass(60_000);
  assert.deepEqual(bed.given(), ['7 1', '7,9 1']);
  await bed.pass(120_000);
  assert.deepEqual(bed.given(), ['7 1', '7,9 1', '7,9 2']);
  await bed.pass(540_000);
  assert.deepEqual(bed.given(), ['7 1', '7,9 1', '7,9 2', '9 2']);
  await bed.pass(3_600_000);
  assert.equal(bed.sent.length, 4);
});

test('two agents that read a change up to a minute apart understand each other all the time', async () => {
  const beds = [new Bed(), new Bed()] as const;
  for (const bed of beds) bed.put(heartbeatSecretData(keyOf(7)));
  await beds[0].start();
  await beds[1].pass(59_000);
  await beds[1].start();
  await beds[0].pass(59_000);
  for (const fill of [9, 11, 13]) {
    for (const bed of beds) bed.put(heartbeatSecretData(keyOf(fill), fill));
    for (let second = 0; second < 900; second++) {
      for (const bed of beds) await bed.pass(1000);
      for (const [from, to] of [beds, beds.toReversed() as unknown as typeof beds] as const) {
        const { keys, activeKey } = from.sent.at(-1) as HeartbeatSettings;
        const used = keys.find(({ id }) => id === activeKey);
        assert.ok(used);
        assert.deepEqual(to.sent.at(-1)?.keys.find(({ id }) => id === activeKey)?.secret, used.secret);
      }
    }
    for (const bed of beds) assert.deepEqual(bed.given().at(-1), `${fill} ${fill}`);
  }
});

test('another key under the same id is taken at once, because an id can not stand for both', async () => {
  const bed = new Bed();
  bed.put(heartbeatSecretData(keyOf(7)));
  await bed.start();
  bed.put(heartbeatSecretData(keyOf(9)));
  await bed.pass(60_000);
  assert.deepEqual(bed.given(), ['7 1', '9 1']);
});

test('after its stop nothing is sent, also if a request was under way', async () => {
  const bed = new Bed();
  bed.put(heartbeatSecretData(keyOf(7)));
  bed.api.isHeld = true;
  await bed.start();
  bed.keys.stop();
  bed.api.release();
  await bed.pass(120_000);
  assert.deepEqual([bed.sent, bed.time.pending()], [[], []]);
});
