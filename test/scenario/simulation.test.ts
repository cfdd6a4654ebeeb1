// Random schedules of faults, judged from outside: the first half. `npm run test:sim` runs any number, or one again.

import { testHalf } from './ten-thousand.ts';

testHalf(1);
