// The tests' handle on asker-process.ts: what the LANs see of a node under a steady load of requests.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AskerCommand, AskerLine, AskerStart, Heard, Load, Sent } from './asker-process.ts';
import { run } from './bed.ts';
import { type LanBed, lanName } from './lan-bed.ts';

const PROGRAM = fileURLToPath(new URL('./asker-process.ts', import.meta.url));

/** A node answers within milliseconds, and after a change of a link within tens; ten times that and more is a failure. */
const DEADLINE_MS = 5000;

/** The present on the clock of `Sent.at` and `Heard.at`. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface Answer extends Heard {
  readonly request: Sent;
}

export class Asker {
  readonly #child: ChildProcess;
  readonly #sent = new Map<number, Sent>();
  readonly #answers: Answer[] = [];
  readonly #announcements: Heard[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #marks = new Map<number, () => void>();
  #isReady = false;
  #errors = '';
  #nextMark = 0;

  private constructor(test: TestContext, bed: LanBed, lans: number) {
    const start = JSON.stringify(startOf(bed, lans));
    const argv = ['netns', 'exec', bed.lans, process.execPath, PROGRAM, start];
    this.#child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#child;
    if (stdout === null) throw new Error('start asker: no output');
    createInterface({ input: stdout }).on('line', (line) => this.#take(JSON.parse(line) as AskerLine));
    stderr?.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    test.after(() => this.#child.kill('SIGKILL'));
  }

  static async start(test: TestContext, bed: LanBed, lans: number): Promise<Asker> {
    const asker = new Asker(test, bed, lans);
    await asker.until('asker ready', () => asker.#isReady);
    return asker;
  }

  #take(line: AskerLine): void {
    if (line.kind === 'ready') this.#isReady = true;
    else if (line.kind === 'mark') this.#marks.get(line.id)?.();
    else {
      for (const each of line.sent) this.#sent.set(each.id, each);
      for (const each of line.heard) this.#hear(each);
    }
    for (const look of [...this.#waiting]) look();
  }

  #hear(heard: Heard): void {
    if (heard.id === undefined) {
      this.#announcements.push(heard);
      return;
    }
    const request = this.#sent.get(heard.id);
    if (request === undefined) throw new Error(`answer to request ${heard.id}: never sent`);
    this.#answers.push({ ...heard, request });
  }

  ask(...loads: readonly Load[]): void {
    this.#command({ kind: 'ask', loads });
  }

  #command(command: AskerCommand): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** Resolves when everything that the asker has seen until now is here. */
  async mark(): Promise<void> {
    const id = this.#nextMark++;
    let isMarked = false;
    this.#marks.set(id, () => {
      isMarked = true;
    });
    this.#command({ kind: 'mark', id });
    await this.until('mark', () => isMarked);
    this.#marks.delete(id);
  }

  /** Answers to requests that were sent at `since` or later. */
  answers(lan: number, since = 0): readonly Answer[] {
    return this.#answers.filter((answer) => answer.lan === lan && answer.request.at >= since);
  }

  /** Gratuitous ARP that was heard at `since` or later. */
  announcements(lan: number, since = 0): readonly Heard[] {
    return this.#announcements.filter((heard) => heard.lan === lan && heard.at >= since);
  }

  /** Requests that were sent at `since` or later and have no answer yet. */
  unanswered(lan: number, since = 0): readonly Sent[] {
    const answered = new Set(this.#answers.map(({ request }) => request.id));
    return [...this.#sent.values()].filter(
      (sent) => sent.lan === lan && sent.at >= since && !answered.has(sent.id),
    );
  }

  /** Waits until requests that were sent after now are answered on a LAN; returns the first answer. */
  async answered(lan: number, count = 1): Promise<Answer> {
    const since = now();
    await this.until(`${count} answers on LAN ${lan}`, () => this.answers(lan, since).length >= count);
    const [first] = this.answers(lan, since);
    if (first === undefined) throw new Error('no answer');
    return first;
  }

  /** Ends asking and waits until every request of these LANs, sent at `since` or later, is answered; fails if one is not. */
  async finish(lans: readonly number[], since = 0): Promise<void> {
    this.ask();
    await this.mark();
    const open = (): number => lans.reduce((sum, lan) => sum + this.unanswered(lan, since).length, 0);
    await this.until('answers to all requests', () => open() === 0);
  }

  /** Waits until something is true of what was heard; fails after the deadline. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    if (isTrue()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (isTrue()) resolve();
    };
    const late = setTimeout(() => reject(new Error(`wait for ${what}: ${this.#story()}`)), DEADLINE_MS);
    this.#waiting.add(look);
    await promise.finally(() => {
      clearTimeout(late);
      this.#waiting.delete(look);
    });
  }

  #story(): string {
    const counts = `${this.#sent.size} sent, ${this.#answers.length} answered`;
    const last = this.#announcements.slice(-3).map((heard) => JSON.stringify(heard));
    return `${counts} ${last.join(' ')} ${this.#errors}`;
  }
}

function startOf(bed: LanBed, lans: number): AskerStart {
  const links: { readonly ifname: string; readonly ifindex: number; readonly address: string }[] = JSON.parse(
    run('ip', '-j', '-n', bed.lans, 'link', 'show'),
  );
  const found = Array.from({ length: lans }, (_, lan) => {
    const link = links.find(({ ifname }) => ifname === lanName(lan));
    if (link === undefined) throw new Error(`ask on ${lanName(lan)}: no such link`);
    return { name: link.ifname, index: link.ifindex, mac: link.address };
  });
  return { lans: found };
}
