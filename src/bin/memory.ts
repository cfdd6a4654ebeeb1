// How the programs ask V8 to be sparing with memory. They do it themselves and not where Node is started, so that it holds
// however they are started; the settings are those that V8 reads each time instead of once at its start.

import { setFlagsFromString } from 'node:v8';

/** V8 collects the old generation sooner and gives back what is free. */
const OPTIMIZE_FOR_SIZE = '--optimize-for-size';

/**
 * For the controller, when it has listed everything: a list of 10,000 Services takes twice as long with it, and comes
 * again only when the API server has forgotten where a watch was.
 */
export function keepHeapSmall(): void {
  keepYoungGenerationSmall();
  setFlagsFromString(OPTIMIZE_FOR_SIZE);
}

/**
 * V8 lets the young generation grow up to 134 MB while much is allocated and seldom takes it back: after a churn of
 * 3,000 Services that was ten times what was alive. At its first size it is collected more often, which costs a fifth
 * more processor time, and it holds the peak down to half.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** How often a function is called before it is optimized: a hundred times as often as V8 has it. */
const INVOCATIONS = {
  'invocation-count-for-maglev': 40_000,
  'invocation-count-for-maglev-osr': 10_000,
  'invocation-count-for-turbofan': 300_000,
  'invocation-count-for-osr': 50_000,
};

/** For the agent, from the beginning: it runs on every node and has little to hold. The size saves 4 MB of an idle one. */
export function keepSmall(): void {
  keepYoungGenerationSmall();
  setFlagsFromString(OPTIMIZE_FOR_SIZE);
  // What heartbeats call sixty times a second is optimized after minutes or hours, and then stays 16 MB larger with the
  // compilers' own code; what a flood of requests calls a hundred thousand times a second is still optimized at once.
  for (const [flag, count] of Object.entries(INVOCATIONS)) setFlagsFromString(`--${flag}=${count}`);
}
