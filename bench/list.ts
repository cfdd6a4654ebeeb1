// All benchmarks. Each is a figure that Fairlead is held to.

import { apiLoad } from './api-load.ts';
import { arp } from './arp.ts';
import type { Bench } from './bench.ts';
import { create } from './create.ts';
import { failover } from './failover.ts';
import { falseFailover } from './false-failover.ts';
import { faults } from './faults.ts';
import { handover } from './handover.ts';
import { heartbeatCost } from './heartbeat-cost.ts';
import { heartbeatFlood } from './heartbeat-flood.ts';
import { idle } from './idle.ts';
import { ipam } from './ipam.ts';
import { mass } from './mass.ts';
import { memory } from './memory.ts';
import { restart } from './restart.ts';
import { spread } from './spread.ts';
import { start } from './start.ts';
import { watch } from './watch.ts';

export const BENCHES: readonly Bench[] = [
  create,
  arp,
  ipam,
  memory,
  start,
  watch,
  mass,
  restart,
  failover,
  handover,
  apiLoad,
  falseFailover,
  faults,
  spread,
  idle,
  heartbeatCost,
  heartbeatFlood,
];
