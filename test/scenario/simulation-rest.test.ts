// Random schedules of faults, judged from outside: the second half.

import { testHalf } from './ten-thousand.ts';

testHalf(5001);
