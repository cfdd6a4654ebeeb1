// An independent judge on the LAN: a host of its own at the bridge that asks for addresses by ARP all the time and hears
// all that is announced. It says from the captured frames who answered when: nobody, one, or more than one.

import { existsSync } from 'node:fs';
import { type Duration, milliseconds } from '../src/time/duration.ts';
import { AnswerRecord, type Verdict } from './answer-record.ts';
import { type ArpFrame, decodeArp, encodeArpRequest, isAnnouncement } from './arp-frame.ts';
import { mustExec } from './exec.ts';
import { type CapturedFrame, type LinkSender, type LinkTap, openSender, tapLink } from './link-tap.ts';
import { namespacePath } from './netns.ts';
import type { LabNetwork } from './network.ts';
import { waitFor } from './wait.ts';

export interface Announcement {
  /** In milliseconds of process.hrtime. */
  readonly at: Duration;
  readonly mac: string;
  readonly address: string;
}

export interface WitnessOptions {
  readonly addresses: readonly string[];
  /** How often each address is asked for. */
  readonly interval: Duration;
}

const PORT = 'p-witness';
const LINK = 'witness';
const MAC = '02:00:00:00:00:fe';

/**
 * Each question has a sender protocol address of its own (RFC 2544's range for benches), which the answer repeats: so a
 * late answer is never taken for one to a later question. As many as the kernels' neighbour tables take without harm.
 */
const SENDERS = 250;
const senderOf = (question: number): string => `198.18.0.${(question % SENDERS) + 1}`;

/** Milliseconds of the clock that all processes of a machine share. */
export const hrNow = (): Duration => milliseconds(Number(process.hrtime.bigint()) / 1e6);

/** Joins the LAN and begins to ask. */
export async function startWitness(network: LabNetwork, options: WitnessOptions): Promise<Witness> {
  const { lanNetns: netns } = network;
  const commands = [
    `link add ${PORT} type veth peer name ${LINK} address ${MAC}`,
    `link set ${PORT} master br0 up`,
    `link set ${LINK} up`,
  ];
  await mustExec(['ip', '-n', netns, '-batch', '-'], { input: `${commands.join('\n')}\n` });
  const witness = new Witness(network, options);
  await witness.start();
  return witness;
}

export class Witness {
  readonly #network: LabNetwork;
  readonly #interval: Duration;
  readonly #records: Map<string, AnswerRecord>;
  /** By address and sender the question that was asked last with it. */
  readonly #open = new Map<string, number>();
  readonly #announcements: Announcement[] = [];
  #sender: LinkSender | undefined;
  #tap: LinkTap | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(network: LabNetwork, { addresses, interval }: WitnessOptions) {
    this.#network = network;
    this.#interval = interval;
    this.#records = new Map(addresses.map((address) => [address, new AnswerRecord()]));
  }

  async start(): Promise<void> {
    const link = { netns: this.#network.lanNetns, name: LINK };
    const onFrame = (frame: CapturedFrame): void => this.#take(frame);
    this.#tap = await tapLink(link, { filter: 'arp', direction: 'in', onFrame });
    this.#sender = openSender(link);
    this.#timer = setInterval(() => this.#ask(), this.#interval);
  }

  /** Everything that was announced so far, by whomever. */
  get announcements(): readonly Announcement[] {
    return this.#announcements;
  }

  /** What happened to an address until `to`, or until now; questions whose answers may be on their way do not count. */
  judge(address: string, from: Duration, to: Duration = hrNow()): Verdict {
    return this.#record(address).judge(from, milliseconds(Math.min(to, hrNow() - UNDER_WAY)));
  }

  /** The one node that has answered every question of the last `time`; undefined if none or more did. */
  holder(address: string, time: Duration): string | undefined {
    const count = Math.ceil(time / this.#interval);
    // The latest questions may be on their way.
    const sets = this.#record(address).lastAnswers(count, milliseconds(hrNow() - UNDER_WAY));
    const [macs] = sets;
    return sets.length === 1 && macs?.length === 1 ? this.nameOf(macs[0] ?? '') : undefined;
  }

  /** Waits until one node alone has answered for so long. */
  untilHeld(address: string, time: Duration, deadline: Duration): Promise<string> {
    return waitFor(
      `one node to answer for ${address} during ${time} ms`,
      () => this.holder(address, time),
      deadline,
    );
  }

  /** Waits until a question is answered by somebody other than `node`. */
  untilAnother(address: string, node: string, deadline: Duration): Promise<string> {
    const from = hrNow();
    const another = (): string | undefined =>
      this.judge(address, from)
        .stretches.flatMap(({ macs }) => macs.map((mac) => this.nameOf(mac)))
        .find((name) => name !== node);
    return waitFor(`another than ${node} to answer for ${address}`, another, deadline);
  }

  nameOf(mac: string): string {
    return this.#network.nodes.find((node) => node.mac === mac)?.name ?? `the unknown ${mac}`;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tap?.stop();
    this.#sender?.close();
    // It goes with the network, if that went first.
    const { lanNetns } = this.#network;
    if (existsSync(namespacePath(lanNetns))) await mustExec(['ip', '-n', lanNetns, 'link', 'delete', PORT]);
  }

  #ask(): void {
    for (const [address, record] of this.#records) {
      const question = record.asked(hrNow());
      const sender = senderOf(question);
      this.#open.set(`${address} ${sender}`, question);
      this.#sender?.send(encodeArpRequest({ mac: MAC, sender }, address));
    }
  }

  #take({ at, bytes }: CapturedFrame): void {
    const frame = decodeArp(bytes);
    if (frame === undefined) return;
    if (isAnnouncement(frame)) this.#announcements.push({ at, mac: frame.senderMac, address: frame.sender });
    else this.#takeAnswer(frame);
  }

  #takeAnswer({ operation, sender, senderMac, target }: ArpFrame): void {
    const question = operation === 'reply' ? this.#open.get(`${sender} ${target}`) : undefined;
    if (question !== undefined) this.#record(sender).answered(question, senderMac);
  }

  #record(address: string): AnswerRecord {
    const record = this.#records.get(address);
    if (record !== undefined) return record;
    throw new Error(
      `judge "${address}": the witness asks for ${Array.from(this.#records.keys()).join(', ')} only`,
    );
  }
}

/** Many times what an answer takes. */
const UNDER_WAY = milliseconds(100);
