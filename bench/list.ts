// All benchmarks. Each is a figure that Fairlead is held to.

import type { Bench } from './bench.ts';
import { create } from './create.ts';

export const BENCHES: readonly Bench[] = [create];
