// What /proc says of a process that a bench measures, proc(5): memory and processor time.

import { readdirSync, readFileSync } from 'node:fs';

export interface MemoryFigures {
  /** Megabytes (1,000,000 bytes) that are resident now. */
  readonly resident: number;
  /** The most that ever were. */
  readonly peak: number;
}

/** Of a running process; throws if it has ended. */
export const memoryOf = (pid: number): MemoryFigures =>
  readMemory(readFileSync(`/proc/${pid}/status`, 'latin1'));

/** Reads the text of /proc/PID/status. */
export function readMemory(status: string): MemoryFigures {
  return { resident: megabytes(status, 'VmRSS'), peak: megabytes(status, 'VmHWM') };
}

/** Megabytes of a running process, with each page divided by the number of processes that share it. */
export const proportionalOf = (pid: number): number =>
  readProportional(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));

/** Reads the text of /proc/PID/smaps_rollup. */
export const readProportional = (rollup: string): number => megabytes(rollup, 'Pss');

/** The kernel's kB are 1,024 bytes. */
function megabytes(status: string, field: string): number {
  const count = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (count === undefined) throw new Error(`read process status: no ${field}: want it in kB`);
  return (Number(count) * 1024) / 1e6;
}

/** Processor time of all threads that a process has now. */
export function processorSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((id) => readRunTime(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1')));
  return times.reduce((sum, time) => sum + time, 0);
}

/** Reads the text of /proc/PID/task/TID/schedstat: nanoseconds on a processor, and then what is of no use here. */
export function readRunTime(schedstat: string): number {
  const nanoseconds = /^(\d+) \d+ \d+\n$/.exec(schedstat)?.[1];
  if (nanoseconds === undefined)
    throw new Error(`read thread's schedstat "${schedstat.trim()}": want three numbers`);
  return Number(nanoseconds) / 1e9;
}
