// The API server's audit log as benches read it: from a mark on, and which requests of Fairlead's programs were about
// which object.

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { AuditEntry } from '../lab/cluster.ts';

const FAIRLEAD = 'system:serviceaccount:fairlead-system:fairlead-';
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/** Reads the log on from where it was at the construction, again and again. */
export class AuditLog {
  readonly #path: string;
  #offset: number;

  constructor(path: string) {
    this.#path = path;
    this.#offset = statSync(path).size;
  }

  /** What was written since the last time, as far as its line is complete. */
  read(): readonly AuditEntry[] {
    const file = openSync(this.#path, 'r');
    try {
      const bytes = Buffer.alloc(statSync(this.#path).size - this.#offset);
      const length = readSync(file, bytes, 0, bytes.length, this.#offset);
      const end = bytes.subarray(0, length).lastIndexOf(0x0a) + 1;
      this.#offset += end;
      return parseLines(bytes.toString('utf8', 0, end));
    } finally {
      closeSync(file);
    }
  }
}

const parseLines = (text: string): readonly AuditEntry[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEntry);

/** Whether one of our programs asked; `program` is `controller` or `agent`. */
export const isOf = (entry: AuditEntry, program = ''): boolean =>
  entry.user.username.startsWith(FAIRLEAD + program);

export const isWrite = ({ verb }: AuditEntry): boolean => WRITES.includes(verb);

/** Leases are renewed by the clock, whatever the Services do. */
export const isOfLease = ({ objectRef }: AuditEntry): boolean => objectRef?.resource === 'leases';

export interface Account {
  /** Requests that were not about events, for each Service in the order given. */
  readonly requests: readonly number[];
  readonly events: readonly number[];
  /** Those about nothing that belongs to one Service, by `VERB RESOURCE`. */
  readonly others: ReadonlyMap<string, number>;
}

/** `addresses`: by the name of each Service the name of its VirtualIP. Events are told by `SERVICE.SUFFIX`, their name. */
export function accountOf(entries: readonly AuditEntry[], addresses: ReadonlyMap<string, string>): Account {
  const serviceOf = new Map(Array.from(addresses, ([service, virtualIP]) => [virtualIP, service]));
  const requests = new Map(Array.from(addresses.keys(), (service) => [service, 0]));
  const events = new Map(requests);
  const others = new Map<string, number>();
  for (const { verb, objectRef } of entries) {
    const { resource = '', name = '' } = objectRef ?? {};
    const isEvent = resource === 'events';
    const service = isEvent ? name.replace(/\.[^.]*$/, '') : (serviceOf.get(name) ?? name);
    const counts = isEvent ? events : requests;
    const count = counts.get(service);
    if (count !== undefined) counts.set(service, count + 1);
    else others.set(`${verb} ${resource}`, (others.get(`${verb} ${resource}`) ?? 0) + 1);
  }
  return { requests: [...requests.values()], events: [...events.values()], others };
}
