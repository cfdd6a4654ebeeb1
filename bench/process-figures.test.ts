// What is read from the texts of /proc.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  memoryOf,
  processorSeconds,
  proportionalOf,
  readMemory,
  readProportional,
  readRunTime,
} from './process-figures.ts';

const STATUS = 'Name:\tnode\nVmPeak:\t 1000000 kB\nVmHWM:\t   97656 kB\nVmRSS:\t   78125 kB\nThreads:\t11\n';

describe('process figures', () => {
  test('memory in megabytes of 1,000,000 bytes', () => {
    assert.deepEqual(readMemory(STATUS), { resident: 80, peak: 99.999744 });
  });

  test('memory in proportion, without its parts', () => {
    assert.equal(readProportional('Rss:   1756 kB\nPss:   78125 kB\nPss_Dirty:   112 kB\n'), 80);
    assert.throws(() => readProportional('Rss: 1756 kB\n'), /no Pss/);
  });

  test('a status without memory, as a kernel thread has, is an error', () => {
    assert.throws(() => readMemory('Name:\tkthreadd\n'), /no VmRSS/);
  });

  test('processor time in seconds; anything else is an error', () => {
    assert.equal(readRunTime('2500000000 12 34\n'), 2.5);
    assert.throws(() => readRunTime('\n'), /want three numbers/);
  });

  test('of this very process', () => {
    const { resident, peak } = memoryOf(process.pid);
    assert.ok(resident > 1 && peak >= resident);
    assert.ok(processorSeconds(process.pid) > 0);
    assert.ok(proportionalOf(process.pid) > 1);
  });
});
