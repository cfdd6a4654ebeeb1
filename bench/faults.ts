// The bench `faults`: for how long nobody, and for how long more than one node answers for an address, in every fault of
// the lab, as a witness at the bridge sees it. From the beginning of the fault until all is well again.

import type { Verdict } from '../lab/answer-record.ts';
import { createLab, type Lab } from '../lab/cluster.ts';
import { FAULT_CASES, type FaultBed, type FaultCase, playFault } from '../lab/fault-cases.ts';
import { poolManifest } from '../lab/pool-manifest.ts';
import { startWitness } from '../lab/witness.ts';
import { SERVICE } from '../src/kube/kinds.ts';
import { milliseconds } from '../src/time/duration.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';

const ADDRESS = '10.77.0.50';
const NODES = 3;
const ASKING = milliseconds(5);

/** What is reported of each fault, in ms. */
const FIGURES = {
  nobody: { of: (verdict: Verdict) => verdict.nobody, shows: 'nobody answers' },
  several: { of: (verdict: Verdict) => verdict.several, shows: 'two answer' },
} as const;

type Figure = keyof typeof FIGURES;

const caseOf = (fault: FaultCase, figure: Figure): string => `${fault.name}-${figure}`;
const figures = Object.keys(FIGURES) as readonly Figure[];

export const faults: Bench = {
  name: 'faults',
  shows: 'for how long nobody, and two nodes, answer ARP for an address in each fault, asked every 5 ms',
  cases: FAULT_CASES.flatMap((fault) =>
    figures.map((figure) => ({
      name: caseOf(fault, figure),
      shows: `${FIGURES[figure].shows}: ${fault.shows}`,
    })),
  ),
  runs: 3,
  run,
};

async function run(options: RunOptions): Promise<Outcome> {
  const { signal, onProgress } = options;
  const wanted = FAULT_CASES.filter((fault) =>
    figures.some((figure) => options.cases.includes(caseOf(fault, figure))),
  );
  const lab = await createLab({
    ...{ name: `bench-${process.pid}`, nodes: NODES, hangable: true, kubeProxy: false },
    ...{ signal, onProgress },
  });
  try {
    await furnish(lab);
    const witness = await startWitness(lab.network, { addresses: [ADDRESS], interval: ASKING });
    try {
      const bed = { lab, witness, address: ADDRESS };
      const measured = await playAll(bed, wanted, options);
      return {
        apiserver: { kind: 'kube-apiserver', version: lab.apiserverVersion },
        measurements: measured.filter((each) => options.cases.includes(each.case)),
      };
    } finally {
      await witness.stop();
    }
  } finally {
    await lab.down();
  }
}

async function playAll(
  bed: FaultBed,
  wanted: readonly FaultCase[],
  { runs, signal, onProgress }: RunOptions,
): Promise<readonly Measurement[]> {
  const samples = new Map(
    wanted.flatMap((fault) => figures.map((figure) => [caseOf(fault, figure), [] as number[]])),
  );
  for (let index = 0; index < runs; index++) {
    for (const fault of wanted) {
      signal.throwIfAborted();
      const { during, afterwards } = await playFault(bed, fault);
      const values = figures.map((figure) => {
        const { of } = FIGURES[figure];
        const value = Math.round(of(during) + of(afterwards));
        samples.get(caseOf(fault, figure))?.push(value);
        return `${figure} ${value} ms`;
      });
      onProgress(`${fault.name}: run ${index + 1} of ${runs}: ${values.join(', ')}`);
    }
  }
  return [...samples].map(([name, values]) => ({
    ...{ case: name, subject: 'fairlead', unit: 'ms', samples: values },
  }));
}

/** One Service with an address; nothing stands behind it, as ARP is what is asked. */
async function furnish(lab: Lab): Promise<void> {
  await lab.apply(poolManifest('bench', [`${ADDRESS}-${ADDRESS}`]));
  await lab.api.create(SERVICE, SERVICE_OBJECT.metadata.namespace, SERVICE_OBJECT);
}

const SERVICE_OBJECT = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'echo', namespace: 'default' },
  spec: {
    type: 'LoadBalancer',
    loadBalancerClass: 'fairlead.io/lb',
    selector: { app: 'echo' },
    ports: [{ name: 'http', port: 80 }],
  },
};
