// The second half of the drawn edits (drawn.test.ts).

import { testDrawn } from './drawn.ts';
import { DRAWN } from './teeth.ts';

testDrawn(DRAWN / 2);
