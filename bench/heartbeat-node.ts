// The programs of the benches of heartbeats, as the benches see them: processes that report on demand.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Duration, milliseconds } from '../src/time/duration.ts';
import type { HostReport } from './heartbeat-host.ts';
import type { SegmentHost } from './heartbeat-segment.ts';
import type { SendersReport } from './heartbeat-senders.ts';
import { LineProcess } from './line-process.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Between two looks at whether something has come about. */
const LOOK = milliseconds(200);

class Reporter<Report> {
  readonly #process: LineProcess;

  constructor(host: SegmentHost, argv: readonly string[]) {
    this.#process = new LineProcess(host.netns, [process.execPath, ...argv]);
  }

  async ready(): Promise<this> {
    await this.#process.expect('ready');
    return this;
  }

  async report(): Promise<Report> {
    this.#process.tell('report');
    return JSON.parse(await this.#process.line()) as Report;
  }

  /** Asks until it reports what is wanted; rejects after `patience` with `what` and the last report. */
  async until(what: string, isWanted: (report: Report) => boolean, patience: Duration): Promise<void> {
    const end = performance.now() + patience;
    for (;;) {
      const report = await this.report();
      if (isWanted(report)) return;
      if (performance.now() > end) throw new Error(`wait for ${what}: ${JSON.stringify(report)}`);
      await sleep(LOOK);
    }
  }

  /** Processor time that all its threads have used, in seconds. */
  processorSeconds(): number {
    return this.#process.processorSeconds();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** A node with the wire worker; `nodes` are all that want the addresses. */
export class HeartbeatNode extends Reporter<HostReport> {
  constructor(host: SegmentHost, nodes: readonly SegmentHost[], addresses: number) {
    const names = nodes.map(({ name }) => name).join(',');
    super(host, [pathOf('./heartbeat-host.ts'), host.name, names, `${addresses}`]);
  }
}

/** Many peers. */
export class HeartbeatSenders extends Reporter<SendersReport> {
  constructor(host: SegmentHost, count: number) {
    super(host, [pathOf('./heartbeat-senders.ts'), `${count}`]);
  }
}
