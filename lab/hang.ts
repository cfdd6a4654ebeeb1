// How a lab makes the main thread of one of its programs hang: a preload that blocks it on a signal, for as long as a
// file exists.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PRELOAD = new URL('./preload/hang-main.ts', import.meta.url);
const VARIABLE = 'FAIRLEAD_LAB_HANG_FILE';

/** The environment of a program that can be made to hang; its state goes into `stateDir`. */
export const hangEnvironment = (stateDir: string, target: string): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import ${PRELOAD}`,
  [VARIABLE]: join(stateDir, `hang-${target.replaceAll('/', '-')}`),
});

/** To be followed by SIGUSR2. Throws if the program was not started with `hangEnvironment`. */
export const beginHang = (target: string, env: Readonly<Record<string, string>>): void =>
  writeFileSync(fileOf(target, env), '');

export const endHang = (target: string, env: Readonly<Record<string, string>>): void =>
  rmSync(fileOf(target, env), { force: true });

function fileOf(target: string, env: Readonly<Record<string, string>>): string {
  const file = env[VARIABLE];
  if (file !== undefined) return file;
  throw new Error(`hang "${target}": it was started without the preload; want createLab({hangable: true})`);
}
