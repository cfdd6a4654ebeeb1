// A schedule: how big a virtual world is and which faults strike it when, all drawn from its seed.

import { drawCandidates } from './api-faults.ts';
import { Violation } from './judge.ts';
import { Random } from './random.ts';
import { URN } from './schedule-faults.ts';
import type { Counts } from './surroundings.ts';
import { World } from './world.ts';

/** At least this long, in milliseconds. */
const LENGTH = 60_000;
/** From when on faults strike, and when all of them are over; the rest of the time is for settling. */
const FIRST_FAULT = 3000;
const LAST_FAULT = 38_000;

/** Mostly small clusters, because those are the most common ones, and cost the least. */
const SIZES = [3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7];

export interface ScheduleResult {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly timeline: readonly string[];
}

/** Runs one schedule; a bug of the simulation or a machine that throws counts as a violation too. */
export function runSchedule(
  seed: number,
  options: { readonly isTold: boolean; readonly counts: Counts },
): ScheduleResult {
  const random = new Random(seed * 2 + 1);
  const world = new World({ seed: seed * 2, nodes: random.pick(SIZES), ...options });
  let violation: string | undefined;
  try {
    play(world, random);
  } catch (error) {
    violation = error instanceof Violation ? error.message : String((error as Error).stack ?? error);
  }
  return { seed, violation, timeline: world.timeline.lines };
}

function play(world: World, random: Random): void {
  const { agenda, api, nodes, judge } = world;
  for (let i = 4 + random.below(3); i > 0; i--)
    api.plan(`vip${i}`, { candidates: drawCandidates(world, random), moveTo: undefined });
  for (const node of nodes) agenda.at(random.between(0, 2000), () => node.start());
  for (let i = 3 + random.below(4); i > 0; i--)
    agenda.at(random.between(FIRST_FAULT, LAST_FAULT - 3000), () => strikeOne(world, random));
  world.run(LENGTH);
  judge.finish();
}

/** The next fault that the urn gives and the world can have; none lasts beyond the end of all. */
function strikeOne(world: World, random: Random): void {
  for (;;) {
    const fault = random.pick(URN);
    const { kind, effect } = fault;
    // Two bad weathers of one kind would be a worse one.
    if (kind !== 'crash' && world.strikes.lasts(kind)) continue;
    const drawn = fault.draw(world, random);
    if (drawn === undefined) continue;
    const duration = Math.min(drawn.duration, LAST_FAULT - world.agenda.now);
    return world.strike({ effect, ...drawn, kind, duration });
  }
}
