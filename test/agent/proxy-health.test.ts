// When a kube-proxy that does not answer, or says that it is not well, makes a node unable.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyHealth, type ProxyHealthMode } from '../../src/agent/proxy-health.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { FakeLog } from '../fake/fake-reports.ts';
import { settle, VirtualTime } from '../fake/virtual-time.ts';

class Bed {
  readonly time = new VirtualTime();
  readonly log = new FakeLog();
  readonly changes: string[] = [];
  asked = 0;
  /** Undefined: nobody listens. */
  status: number | undefined = 200;
  readonly health: ProxyHealth;

  constructor(mode: ProxyHealthMode = 'Auto') {
    this.health = new ProxyHealth({
      mode,
      ask: () => {
        this.asked++;
        return this.status === undefined
          ? Promise.reject(new Error('refused'))
          : Promise.resolve(this.status);
      },
      timers: this.time,
      log: this.log,
      onChange: (health) => this.changes.push(health),
    });
  }

  async start(): Promise<void> {
    this.health.start();
    await settle();
  }

  async seconds(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.time.advance(milliseconds(1000));
      await settle();
    }
  }
}

for (const status of [undefined, 503])
  test(`three misses in a row (${status ?? 'no answer'}) make a node unable, three answers able again`, async () => {
    const bed = new Bed();
    await bed.start();
    bed.status = status;
    await bed.seconds(2);
    assert.deepEqual(bed.changes, []);
    await bed.seconds(1);
    assert.deepEqual(bed.changes, ['Unhealthy']);
    await bed.seconds(5);
    bed.status = 200;
    await bed.seconds(1);
    assert.deepEqual(bed.changes, ['Unhealthy', 'Recovering']);
    await bed.seconds(1);
    assert.equal(bed.health.health, 'Recovering');
    await bed.seconds(1);
    assert.deepEqual(bed.changes, ['Unhealthy', 'Recovering', 'Healthy']);
  });

test('two misses and an answer again and again are no reason', async () => {
  const bed = new Bed();
  await bed.start();
  for (let i = 0; i < 5; i++) {
    bed.status = undefined;
    await bed.seconds(2);
    bed.status = 200;
    await bed.seconds(1);
  }
  assert.deepEqual(bed.changes, []);
});

test('where there has never been one, none is missed, and that is said once', async () => {
  const bed = new Bed();
  bed.status = undefined;
  await bed.start();
  await bed.seconds(10);
  assert.deepEqual(bed.changes, []);
  const said = bed.log.lines.filter(({ message }) => message.startsWith('no kube-proxy'));
  assert.equal(said.length, 1);
  bed.status = 200;
  await bed.seconds(1);
  bed.status = undefined;
  await bed.seconds(3);
  assert.deepEqual(bed.changes, ['Unhealthy']);
});

test('where it is required it is missed from the start', async () => {
  const bed = new Bed('Required');
  bed.status = undefined;
  await bed.start();
  await bed.seconds(2);
  assert.deepEqual(bed.changes, ['Unhealthy']);
});

test('switched off it is never asked, and after a stop no more', async () => {
  const off = new Bed('Off');
  await off.start();
  await off.seconds(3);
  assert.equal(off.asked, 0);
  const bed = new Bed();
  await bed.start();
  bed.health.stop();
  await bed.seconds(3);
  assert.equal(bed.asked, 1);
});
