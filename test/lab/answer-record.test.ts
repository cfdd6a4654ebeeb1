// Who answered when, judged from questions and answers that are written down by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerRecord, describeStretches } from '../../lab/answer-record.ts';
import { decodeArp, encodeArpRequest, isAnnouncement } from '../../lab/arp-frame.ts';
import { milliseconds } from '../../src/time/duration.ts';

const ms = milliseconds;

/** One question each 10 ms from 0 on; each letter is who answers it, `ab` for two, `-` for nobody. */
function recordOf(...answers: readonly string[]): AnswerRecord {
  const record = new AnswerRecord();
  answers.forEach((macs, index) => {
    const question = record.asked(ms(index * 10));
    for (const mac of macs === '-' ? '' : macs) record.answered(question, mac);
  });
  return record;
}

test('each question stands for the time until the next one', () => {
  const record = recordOf('a', 'a', '-', 'ab', 'b', '-', '-', 'b');
  const { nobody, longestNobody, several, stretches } = record.judge(ms(0), ms(85));
  assert.deepEqual({ nobody, longestNobody, several }, { nobody: 30, longestNobody: 20, several: 10 });
  assert.equal(
    describeStretches(stretches, (mac) => mac),
    'a 20 ms, nobody 10 ms, a and b 10 ms, b 10 ms, nobody 20 ms, b 15 ms',
  );
});

test('only questions within the time are judged', () => {
  const record = recordOf('-', 'a', 'a', '-');
  assert.equal(record.judge(ms(10), ms(30)).nobody, 0);
  assert.deepEqual(record.judge(ms(10), ms(30)).stretches, [{ from: 10, to: 30, macs: ['a'] }]);
  assert.deepEqual(record.judge(ms(100), ms(200)).stretches, []);
});

test('an answer counts once, and late ones for the question that they answer', () => {
  const record = recordOf('a', '-', 'b');
  record.answered(1, 'a');
  record.answered(1, 'a');
  assert.equal(record.judge(ms(0), ms(30)).nobody, 0);
  assert.equal(record.judge(ms(0), ms(30)).several, 0);
});

test('the last answers are those of that many questions, or none', () => {
  const record = recordOf('a', 'b', 'b', 'ba');
  assert.deepEqual(record.lastAnswers(2, ms(30)), [['b']]);
  assert.deepEqual(record.lastAnswers(2, ms(40)), [['b'], ['a', 'b']]);
  assert.deepEqual(record.lastAnswers(5, ms(40)), []);
});

test('a request is read back, and an announcement is told from it', () => {
  const mac = '02:00:00:00:00:fe';
  const request = decodeArp(Buffer.from(encodeArpRequest({ mac, sender: '198.18.0.1' }, '10.77.0.50')));
  assert.deepEqual(request, {
    operation: 'request',
    destination: 'ff:ff:ff:ff:ff:ff',
    senderMac: mac,
    sender: '198.18.0.1',
    target: '10.77.0.50',
  });
  assert.equal(isAnnouncement(request), false);
  const announcement = decodeArp(Buffer.from(encodeArpRequest({ mac, sender: '10.77.0.50' }, '10.77.0.50')));
  assert.ok(announcement !== undefined && isAnnouncement(announcement));
  assert.equal(isAnnouncement({ ...request, operation: 'reply' }), true);
  assert.equal(isAnnouncement({ ...request, operation: 'reply', destination: mac }), false);
  const bytes = Buffer.from(encodeArpRequest({ mac, sender: '10.77.0.1' }, '10.77.0.50'));
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodeArp(bytes.subarray(0, length)), undefined);
});
