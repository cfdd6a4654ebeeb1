// The bench `ipam`: how many addresses the book decides on and takes in per second, without any API. A /64 must cost what
// a /16 costs, and a pool that is nearly full what an empty one does.

import { AddressBook } from '../src/ipam/address-book.ts';
import { PLAIN_POOL } from '../src/ipam/pool.ts';
import type { AllocationRequest } from '../src/ipam/request.ts';
import type { Family } from '../src/net/address.ts';
import { parseAddressRange } from '../src/net/address-range.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';

const UNIT = 'allocations/s';
/** How many addresses are given in one run, from an empty pool: nearly all of a /16. */
const FILLED = 65_000;
/** How full a /16 is in the other case, and how often an address is given back and another one given there. */
const FULL = 64_880;
const CHANGED = 20_000;
/** Given back at a time; the pool stays 99 % full all the while. */
const BATCH = 20;

interface IpamCase {
  readonly name: string;
  readonly shows: string;
  /** Allocations per second of one run. */
  measure(): number;
}

const CASES: readonly IpamCase[] = [
  {
    name: 'v4-/16',
    shows: `the first ${FILLED} addresses of a /16`,
    measure: () => fill('10.0.0.0/16', 'IPv4'),
  },
  {
    name: 'v6-/64',
    shows: `the first ${FILLED} addresses of a /64`,
    measure: () => fill('fd77::/64', 'IPv6'),
  },
  {
    name: '99%-full',
    shows: 'addresses given back at random and given again, in a /16 that is 99 % full',
    measure: change,
  },
];

export const ipam: Bench = {
  name: 'ipam',
  shows: 'the address book alone: deciding on an address and taking its VirtualIP in, per second of CPU time',
  cases: CASES.map(({ name, shows }) => ({ name, shows })),
  runs: 7,
  run,
};

async function run({ runs, cases, onProgress, signal }: RunOptions): Promise<Outcome> {
  const measurements: Measurement[] = [];
  for (const { name, measure } of CASES.filter((one) => cases.includes(one.name))) {
    // The first one only compiles.
    measure();
    const samples: number[] = [];
    for (let index = 1; index <= runs; index++) {
      signal.throwIfAborted();
      samples.push(measure());
      onProgress(`${name}: run ${index} of ${runs}`);
    }
    measurements.push({ case: name, subject: 'fairlead', unit: UNIT, samples });
  }
  return { apiserver: null, measurements };
}

/** One pool, and Services that come one after the other. */
class Filling {
  readonly #book = new AddressBook();
  readonly #requests: readonly AllocationRequest[];
  readonly #holders: readonly string[];

  constructor(range: string, family: Family, services: number) {
    const parsed = parseAddressRange(range);
    if (parsed.kind === 'problem') throw new Error(`read range "${range}": want ${parsed.wanted}`);
    this.#book.setPool('default', { ...PLAIN_POOL, addresses: [parsed.range] });
    this.#requests = Array.from({ length: services }, (_, index) => requestOf(index, family));
    this.#holders = this.#requests.map(({ key }) => `VirtualIP of ${key}`);
  }

  give(index: number): void {
    const request = this.#requests[index];
    const holder = this.#holders[index];
    if (request === undefined || holder === undefined) throw new Error(`there is no Service ${index}`);
    const [grant] = this.#book.decide(request).grants;
    if (grant === undefined) throw new Error(`Service ${index} was refused an address`);
    const tenancy = { kind: 'virtual-ip', services: [request], reservedFor: undefined } as const;
    this.#book.hold(holder, [grant.address], tenancy);
  }

  takeBack(index: number): void {
    const nobody = { kind: 'virtual-ip', services: [], reservedFor: undefined } as const;
    this.#book.hold(this.#holders[index] ?? '', [], nobody);
  }
}

function requestOf(index: number, family: Family): AllocationRequest {
  const name = `service-${index}`;
  const claim = { namespace: 'web', key: '', source: '', namespaces: [], ports: ['TCP/80'], localTo: '' };
  return {
    ...{ uid: `uid-${index}`, namespace: 'web', key: `web/${name}`, labels: {}, rank: name },
    ...{ families: [family], isOneFamilyEnough: false, addresses: [], pool: undefined, count: 1 },
    ...{ sharing: claim, preferred: [], isRenumbering: false },
  };
}

function fill(range: string, family: Family): number {
  const filling = new Filling(range, family, FILLED);
  const seconds = timed(() => {
    for (let index = 0; index < FILLED; index++) filling.give(index);
  });
  return FILLED / seconds;
}

/** Only the giving is timed. */
function change(): number {
  const filling = new Filling('10.0.0.0/16', 'IPv4', FULL);
  for (let index = 0; index < FULL; index++) filling.give(index);
  let seconds = 0;
  for (let changed = 0; changed < CHANGED; changed += BATCH) {
    // Far apart and in no order, so that there are always gaps all over the pool.
    const batch = Array.from({ length: BATCH }, (_, i) => ((changed + i) * 7919) % FULL);
    for (const index of batch) filling.takeBack(index);
    seconds += timed(() => {
      for (const index of batch) filling.give(index);
    });
  }
  return CHANGED / seconds;
}

/** Seconds of this thread's own CPU time: there is nothing to wait for, and what else runs on the machine is no matter. */
function timed(work: () => void): number {
  const started = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(started);
  return (user + system) / 1e6;
}
