// The tests' handle on asker-process.ts: what the LANs see of a node under a steady load of requests.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AskerCommand, AskerLine, AskerStart, Heard, Load, Sent } from './asker-process.ts';
import { run } from './bed.ts';
import { type LanBed, lanName } from './lan-bed.ts';
import { Waiters } from './waiters.ts';

const PROGRAM = fileURLToPath(new URL('./asker-process.ts', import.meta.url));

/** The present on the clock of `Sent.at` and `Heard.at`. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface Answer extends Heard {
  readonly request: Sent;
}

export class Asker {
  readonly #child: ChildProcess;
  readonly #sent = new Map<number, Sent>();
  /** Sent, and not answered yet. */
  readonly #open = new Map<number, Sent>();
  // In the order of `at`.
  readonly #answers: Answer[] = [];
  readonly #announcements: Heard[] = [];
  readonly #waiters = new Waiters(() => this.#story());
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
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => this.#take(JSON.parse(line) as AskerLine));
    stderr?.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    test.after(() => {
      // What comes last may be half a line.
      lines.removeAllListeners('line');
      this.#child.kill('SIGKILL');
    });
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
      for (const each of line.sent) {
        this.#sent.set(each.id, each);
        this.#open.set(each.id, each);
      }
      for (const each of line.heard) this.#hear(each);
    }
    this.#waiters.look();
  }

  #hear(heard: Heard): void {
    if (heard.id === undefined) {
      this.#announcements.push(heard);
      return;
    }
    const request = this.#sent.get(heard.id);
    if (request === undefined) throw new Error(`answer to request ${heard.id}: never sent`);
    this.#open.delete(heard.id);
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
    return heardSince(this.#answers, since).filter(
      (answer) => answer.lan === lan && answer.request.at >= since,
    );
  }

  /** Gratuitous ARP that was heard at `since` or later. */
  announcements(lan: number, since = 0): readonly Heard[] {
    return heardSince(this.#announcements, since).filter((heard) => heard.lan === lan);
  }

  /** Requests that were sent at `since` or later and have no answer yet. */
  unanswered(lan: number, since = 0): readonly Sent[] {
    return [...this.#open.values()].filter((sent) => sent.lan === lan && sent.at >= since);
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
    await this.#waiters.until(what, isTrue);
  }

  #story(): string {
    const counts = `${this.#sent.size} sent, ${this.#answers.length} answered`;
    const last = this.#announcements.slice(-3).map((heard) => JSON.stringify(heard));
    return `${counts} ${last.join(' ')} ${this.#errors}`;
  }
}

/** From the end, because this is asked with every line that comes. */
function heardSince<T extends Heard>(heard: readonly T[], since: number): readonly T[] {
  const last = heard.findLastIndex(({ at }) => at < since);
  return heard.slice(last + 1);
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
