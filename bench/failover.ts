// The bench `failover`: how long an address that a client probes is silent when the node that holds it fails, for
// Fairlead and for keepalived in turns on the same nodes.

import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';
import { createFailoverBed, type FailoverBed } from './failover-bed.ts';
import { FAILOVER_CASES, type FailoverCase } from './failover-cases.ts';
import { describeRun, type PairedRun, rotated } from './paired.ts';

export const failover: Bench = {
  name: 'failover',
  shows:
    'time without an answer when the node that holds an address fails; a probe every 2 ms, beside keepalived at 100 ms',
  cases: FAILOVER_CASES.map(({ name, shows }) => ({ name, shows })),
  runs: 20,
  run,
};

/** One bed after the other, each with all cases that want it. */
async function run(options: RunOptions): Promise<Outcome> {
  const wanted = FAILOVER_CASES.filter(({ name }) => options.cases.includes(name));
  const measured = new Map<string, readonly Measurement[]>();
  let version = '';
  for (const [bedOptions, cases] of Map.groupBy(wanted, ({ bed }) => bed)) {
    const bed = await createFailoverBed(bedOptions, options);
    try {
      version = bed.lab.apiserverVersion;
      for (const each of cases) measured.set(each.name, await measureCase(bed, each, options));
    } finally {
      await bed.down();
    }
  }
  return {
    apiserver: { kind: 'kube-apiserver', version },
    measurements: options.cases.flatMap((name) => measured.get(name) ?? []),
  };
}

async function measureCase(
  bed: FailoverBed,
  wanted: FailoverCase,
  options: RunOptions,
): Promise<readonly Measurement[]> {
  const subjects = bed.subjects.filter(({ name }) => wanted.subjects?.includes(name) ?? true);
  const count = Math.min(options.runs, wanted.most ?? options.runs);
  const runs: PairedRun[] = [];
  for (let index = 0; index < count; index++) {
    const paired = new Map<string, readonly number[]>();
    for (const subject of rotated(subjects, index)) {
      options.signal.throwIfAborted();
      const onProgress = (line: string): void => options.onProgress(`${wanted.name}:   ${line}`);
      const samples = await wanted.measure({ bed, subject, onProgress }, options);
      paired.set(
        subject.name,
        samples.map((sample) => Math.round(sample * 1000) / 1000),
      );
    }
    const inOrder = Object.fromEntries(subjects.map(({ name }) => [name, paired.get(name) ?? []]));
    runs.push(inOrder);
    options.onProgress(`${wanted.name}: run ${index + 1} of ${count}: ${describeRun(inOrder)}`);
  }
  const measurements = subjects.map(({ name }) => ({
    case: wanted.name,
    subject: name,
    unit: wanted.unit ?? 'ms',
    samples: runs.flatMap((paired) => paired[name] ?? []),
  }));
  return measurements.filter(({ samples }) => samples.length > 0);
}
