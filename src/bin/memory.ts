// How the agent, which runs on every node, asks the engine to be sparing with memory. Not the controller: it lists and
// sorts many objects, and there are two of it in a cluster.

import { setFlagsFromString } from 'node:v8';

/**
 * Before what is large is loaded. The engine then collects sooner and gives back more: 4 MB of an idle agent. It is set
 * here and not where Node is started, so that it holds however the program is started; and it is one of the few settings
 * of the engine that it reads each time instead of once at its start.
 */
export function keepSmall(): void {
  setFlagsFromString('--optimize-for-size');
}
