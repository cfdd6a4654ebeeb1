// Events, log and metrics that only remember.

import type { EventRecorder, EventTarget } from '../../src/kube/api.ts';
import type { Log, LogValues } from '../../src/observe/log.ts';

export class FakeEvents implements EventRecorder {
  /** `Warning Reason namespace/name: message`. */
  readonly events: string[] = [];

  record(regarding: EventTarget, ...[type, reason, message]: [string, string, string]): void {
    this.events.push(`${type} ${reason} ${regarding.namespace}/${regarding.name}: ${message}`);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}

export class FakeLog implements Log {
  readonly lines: { readonly level: string; readonly message: string; readonly values: LogValues }[] = [];

  debug = (message: string, values: LogValues = {}): void => this.#add('debug', message, values);
  info = (message: string, values: LogValues = {}): void => this.#add('info', message, values);
  warn = (message: string, values: LogValues = {}): void => this.#add('warn', message, values);
  error = (message: string, values: LogValues = {}): void => this.#add('error', message, values);
  fatal = (message: string, values: LogValues = {}): void => this.#add('fatal', message, values);
  child = (): Log => this;

  /** Messages of one level. */
  at(level: string): readonly string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  #add(level: string, message: string, values: LogValues): void {
    this.lines.push({ level, message, values });
  }
}
