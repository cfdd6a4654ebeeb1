// The heartbeat key is replaced under running agents: every node goes over to the new one, as the frames on the bridge show,
// and the address is answered by the same node all the while.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { type CapturedFrame, tapLink } from '../../lab/link-tap.ts';
import type { LabNetwork } from '../../lab/network.ts';
import { hrNow, startWitness } from '../../lab/witness.ts';
import type { KubeApi, KubeObject } from '../../src/kube/api.ts';
import { SECRET } from '../../src/kube/kinds.ts';
import { HEARTBEAT_SECRET } from '../../src/resource/heartbeat-secret.ts';
import { milliseconds, minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { SOON, useBed } from './bed.ts';

/** Agents read the Secret once a minute, and use a new key two minutes later. */
const ROTATION = minutes(10);
/** A question more or less in which the answer came too late, on a busy machine. */
const HARDLY = milliseconds(250);

const REF = { namespace: SYSTEM_NAMESPACE, name: HEARTBEAT_SECRET };

const ETHERNET = 14;
const IPV4 = 20;
const UDP = 8;
/** Of the magic number and of the key's id in a heartbeat (OBJECTS.md). */
const MAGIC = ETHERNET + IPV4 + UDP;
const KEY_ID = MAGIC + 5;

interface SecretObject extends KubeObject {
  readonly data: Readonly<Record<string, string>>;
}

/** The ids of the keys that each sender has used, in their order, by its MAC: as frames on the bridge show it. */
async function watchKeys(t: TestContext, { lanNetns: netns }: LabNetwork): Promise<Map<string, number[]>> {
  const keys = new Map<string, number[]>();
  const onFrame = ({ bytes }: CapturedFrame): void => {
    if (bytes.toString('latin1', MAGIC, MAGIC + 4) !== 'FLHB') return;
    const sender = bytes.toString('hex', 6, 12);
    const used = keys.get(sender) ?? [];
    const id = bytes[KEY_ID] ?? 0;
    if (used.at(-1) !== id) keys.set(sender, [...used, id]);
  };
  const tap = await tapLink({ netns, name: 'br0' }, { filter: 'udp port 7373', direction: 'in', onFrame });
  t.after(() => tap.stop());
  return keys;
}

/** Adds a key under an id of its own, and makes it the active one; returns both ids. */
async function rotate(api: KubeApi): Promise<{ readonly active: number; readonly next: number }> {
  const { data } = await api.get<SecretObject>(SECRET, REF);
  const active = Number(Buffer.from(data.active ?? '', 'base64').toString());
  const next = (active % 255) + 1;
  const key = randomBytes(32).toString('base64');
  const body = { data: { [`${next}`]: key, active: Buffer.from(`${next}`).toString('base64') } };
  await api.patch(SECRET, REF, { type: 'merge', body });
  return { active, next };
}

describe('the heartbeat key', requirement('cluster', 'program:tcpdump'), () => {
  const bed = useBed({ name: 'e2e-key', nodes: 3, kubeProxy: false });

  test('is replaced without a moment in which nobody, or another node, answers', async (t) => {
    const { lab } = bed();
    const { network, api } = lab;
    await bed().create({ name: 'shop' });
    const address = await bed().addressOf('shop');
    const before = await bed().holding(address);
    const keys = await watchKeys(t, network);
    const witness = await startWitness(network, { addresses: [address], interval: milliseconds(20) });
    t.after(() => witness.stop());
    await witness.untilHeld(address, milliseconds(500), SOON);
    const allUse = (id: number): boolean =>
      keys.size === network.nodes.length && [...keys.values()].every((used) => used.at(-1) === id);

    await lab.waitFor('all to be heard', () => keys.size === network.nodes.length, SOON);
    const since = hrNow();
    const { active, next } = await rotate(api);
    assert.ok(allUse(active));
    await lab.waitFor(`all to use key ${next}`, () => allUse(next), ROTATION);
    // The former one goes, as whoever replaces a key will have it.
    await api.patch(SECRET, REF, { type: 'merge', body: { data: { [`${active}`]: null } } });

    const verdict = witness.judge(address, since);
    t.diagnostic(`nobody ${verdict.nobody} ms, several ${verdict.several} ms`);
    assert.ok(verdict.longestNobody < HARDLY, `nobody answered for ${verdict.longestNobody} ms`);
    assert.equal(verdict.several, 0);
    assert.deepEqual(await bed().holding(address), before);
    for (const used of keys.values()) assert.deepEqual(used, [active, next]);
  });
});
