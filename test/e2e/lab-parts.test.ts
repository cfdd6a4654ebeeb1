// The parts of the lab that need no lab: what is read from programs' output, told to people and asked over sockets.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { arpSighting } from '../../lab/capture.ts';
import { callControl, serveControl } from '../../lab/control-socket.ts';
import { resourceKindOf } from '../../lab/kinds.ts';
import { parseManifest } from '../../lab/manifest.ts';
import { sequenceOf } from '../../lab/pod-server.ts';
import { longestGap, type ProbeReply } from '../../lab/prober.ts';
import { hasSucceeded, type Story, tellStory } from '../../lab/story.ts';
import { waitFor } from '../../lab/wait.ts';
import { milliseconds } from '../../src/time/duration.ts';

// Lines of tcpdump 4.99.3 -tt -e -n, from a lab.
const ANNOUNCEMENT =
  '1795266062.895741 02:00:00:00:00:0b > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: Request who-has 10.77.0.50 (ff:ff:ff:ff:ff:ff) tell 10.77.0.50, length 28';
const REPLY =
  '1795266063.000001 02:00:00:00:00:0c > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: Reply 10.77.0.51 is-at 02:00:00:00:00:0c, length 28';

test('an ARP packet claims its sender protocol address', () => {
  assert.deepEqual(arpSighting(ANNOUNCEMENT), {
    time: 1795266062895.741,
    mac: '02:00:00:00:00:0b',
    address: '10.77.0.50',
  });
  assert.equal(arpSighting(REPLY)?.address, '10.77.0.51');
  assert.equal(arpSighting('tcpdump: listening on eth0'), undefined);
});

test('a datagram carries its sequence as a number or in JSON', () => {
  assert.deepEqual(['17', '17\n', '{"sequence": 4, "x": 1}', 'hello', '', '-1'].map(sequenceOf), [
    17,
    17,
    4,
    undefined,
    undefined,
    undefined,
  ]);
});

test('the longest gap is between answers, and endless without any', () => {
  const at = (receivedAt: number): ProbeReply => ({
    address: '10.77.0.50',
    sequence: 0,
    pod: 'p',
    node: 'n',
    sentAt: milliseconds(0),
    receivedAt: milliseconds(receivedAt),
  });
  assert.equal(longestGap({ sent: 3, replies: [at(1), at(5), at(6)] }), 4);
  assert.equal(longestGap({ sent: 1, replies: [at(1)] }), 0);
  assert.equal(longestGap({ sent: 1, replies: [] }), Number.POSITIVE_INFINITY);
});

test('a manifest is read document by document, empty ones left out', () => {
  const text =
    '# nothing\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n';
  assert.deepEqual(
    parseManifest(text).map((object) => object.metadata.name),
    ['a', 'b'],
  );
  assert.throws(() => parseManifest('kind: Pod\n'), /want apiVersion, kind and metadata\.name/);
  assert.throws(() => parseManifest('a: [1\n'));
});

test('an unknown kind is named together with what is known', () => {
  assert.equal(resourceKindOf('fairlead.io/v1alpha1', 'VirtualIP').plural, 'virtualips');
  assert.throws(() => resourceKindOf('v2', 'Pod'), /"v2 Pod".*v1 Pod/);
});

test('waiting ends with the value, or with what the last check said', async () => {
  let calls = 0;
  assert.equal(
    await waitFor('three', () => (++calls === 3 ? 'done' : undefined), milliseconds(10_000)),
    'done',
  );
  await assert.rejects(
    waitFor('never', () => Promise.reject(new Error('door shut')), milliseconds(0)),
    /wait for never: door shut/,
  );
  const signal = AbortSignal.abort(new Error('given up'));
  await assert.rejects(
    waitFor('never', () => false, { deadline: milliseconds(10_000), signal }),
    /given up/,
  );
});

test('a control socket answers values and errors, and a missing one is one line', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'fairlead-'));
  const path = join(directory, 'control.sock');
  await assert.rejects(callControl(path, {}), /nobody is listening/);
  const server = await serveControl(path, async (request) => {
    if (request === 'fail') throw new Error('no such fault');
    return { heard: request };
  });
  t.after(() => {
    server.close();
    return rm(directory, { recursive: true });
  });
  assert.deepEqual(await callControl(path, { a: 1 }), { heard: { a: 1 } });
  await assert.rejects(callControl(path, 'fail'), /^Error: no such fault$/);
});

const STORY: Story = {
  service: 'web/shop',
  apiserver: 'v1.36.3',
  nodes: 3,
  address: '10.77.0.50',
  ingress: [{ ip: '10.77.0.50', ipMode: 'VIP' }],
  holder: 'node2',
  hardwareAddress: '02:00:00:00:00:0c',
  client: '10.77.0.100',
  answer: { pod: 'shop-1', node: 'node1', client: '10.77.0.12' },
  timings: { allocated: 8, announced: 21.04, published: 13, firstByte: 30 },
};

test('the story tells its steps in the order in which they happened', () => {
  const text = tellStory(STORY).join('\n');
  const positions = ['posted', 'allocated', 'published', 'announced', 'first byte'].map((step) =>
    text.indexOf(`  ${step} `),
  );
  assert.ok(
    positions.every((position) => position > 0),
    text,
  );
  assert.deepEqual(
    positions,
    positions.toSorted((a, b) => a - b),
  );
  assert.match(text, /21\.0 ms/);
});

test('the demo has succeeded only with an answer and the address in the status', () => {
  assert.equal(hasSucceeded(STORY), true);
  assert.equal(hasSucceeded({ ...STORY, ingress: [] }), false);
  assert.equal(hasSucceeded({ ...STORY, answer: { pod: '', node: '', client: '' } }), false);
});
