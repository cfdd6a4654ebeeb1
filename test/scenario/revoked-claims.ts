// Who answers for a VirtualIP that is deleted is told by those who know, and is silent then: judged from the frames that
// say REVOKED. ELECTION.md section 10.

import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import type { JudgeOptions } from './judge.ts';
import { INTERVAL, REVOKE_PATIENCE } from './settings.ts';
import { nameOfShort, nodeName } from './surroundings.ts';

/** A loop that is late. */
const SLACK = 150;
/** The first frames may come from somebody who has not proven yet that it lives. */
const FRAMES = 5;

interface Told {
  readonly node: number;
  readonly uid: string;
  readonly since: number;
  frames: number;
}

export class RevokedClaims {
  readonly #options: JudgeOptions;
  readonly #fail: (invariant: number, text: string) => void;
  /** Whoever was told and has not fallen silent yet. */
  readonly #told = new Map<string, Told>();

  constructor(options: JudgeOptions, fail: (invariant: number, text: string) => void) {
    this.#options = options;
    this.#fail = fail;
  }

  look(): void {
    if (this.#told.size === 0) return;
    const { nodes } = this.#options;
    for (const [key, { node, uid }] of this.#told)
      if (nodes[node]?.answers(uid) !== true) this.#told.delete(key);
  }

  sent(from: number, { body }: HeartbeatFrame): void {
    for (const short of body.revoked) {
      const uid = nameOfShort(short) ?? String(short);
      if (this.#options.api.get(uid) === undefined) continue;
      this.#fail(3, `${nodeName(from)} revokes ${uid}, which is not deleted`);
    }
  }

  heard(to: number, { body }: HeartbeatFrame): void {
    const { nodes, now } = this.#options;
    for (const short of body.revoked) {
      const uid = nameOfShort(short) ?? String(short);
      if (nodes[to]?.answers(uid) !== true) continue;
      const key = `${to}/${uid}`;
      const told = this.#told.get(key) ?? { node: to, uid, since: now(), frames: 0 };
      this.#told.set(key, told);
      told.frames++;
      const limit = told.since + REVOKE_PATIENCE + INTERVAL + SLACK;
      if (told.frames > FRAMES && now() > limit)
        this.#fail(3, `${nodeName(to)} answers for ${uid}, which was revoked ${now() - told.since} ms ago`);
    }
  }

  /** Long after the last fault nobody answers for what is deleted. */
  finish(): void {
    const { api, nodes } = this.#options;
    for (const { index, answered } of nodes) {
      const deleted = answered.find((uid) => api.get(uid) === undefined);
      if (deleted !== undefined) this.#fail(3, `${nodeName(index)} answers for ${deleted}, which is deleted`);
    }
  }
}
