// All faults that a schedule draws from.

import { API_FAULTS } from './api-faults.ts';
import { type Fault, NODE_FAULTS } from './faults.ts';
import { NETWORK_FAULTS } from './network-faults.ts';

const FAULTS: readonly Fault[] = [...NODE_FAULTS, ...NETWORK_FAULTS, ...API_FAULTS];

/** Each fault as often as it weighs. */
export const URN: readonly Fault[] = FAULTS.flatMap((fault) => new Array<Fault>(fault.weight).fill(fault));

/** Every kind of fault that a run can count. */
export const FAULT_KINDS: readonly string[] = FAULTS.map(({ kind }) => kind);
