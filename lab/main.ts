// The lab's command line: without a command the demo, else a lab that stays until `down`. `npm run lab -- --help`.

import { Command, InvalidArgumentError } from 'commander';
import * as commands from './commands.ts';
import { describeText, listText } from './report.ts';
import { listLabs } from './state.ts';
import { hasSucceeded, tellStory } from './story.ts';

const DEFAULT_NAME = 'lab';

interface Options {
  readonly name: string;
  readonly nodes: number;
  readonly controllers: number;
  readonly kubeProxyMinSync: string;
  readonly defaultClass: boolean;
  readonly json?: boolean;
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);

/** Progress with the time since the start, on standard error: standard output is for results. */
function progress(): (line: string) => void {
  const start = performance.now();
  return (line) =>
    process.stderr.write(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('want a whole number from 1.');
  return Number(text);
}

async function setUp(): Promise<void> {
  const code = await commands.runSetup();
  if (code !== 0)
    throw new Error(`prepare the machine: lab/setup ended with ${code}; see what it says above`);
}

async function demo(options: Options): Promise<void> {
  await setUp();
  // The demo brings the whole lab along, which the short commands need not load.
  const { runDemo } = await import('./demo.ts');
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
  process.once('SIGTERM', () => interrupted.abort(new Error('terminated')));
  const story = await runDemo({ ...options, signal: interrupted.signal, onProgress: progress() });
  if (options.json === true) print(JSON.stringify(story));
  else for (const line of tellStory(story)) print(line);
  process.exitCode = hasSucceeded(story) ? 0 : 1;
}

async function up(options: Options): Promise<void> {
  await setUp();
  const { name, nodes, controllers, defaultClass } = options;
  const kubeProxy = { minSyncPeriod: options.kubeProxyMinSync };
  const wanted = { name, nodes, controllers, kubeProxy, defaultClass };
  const description = await commands.startLab(wanted, progress());
  print(options.json === true ? JSON.stringify(description) : describeText(description));
}

async function down(options: Options): Promise<void> {
  const wasThere = await commands.stopLab(options.name);
  if (options.json === true) print(JSON.stringify({ name: options.name, wasThere }));
  else print(wasThere ? `lab "${options.name}" is gone` : `there is no lab "${options.name}"`);
}

async function status(options: { readonly name?: string; readonly json?: boolean }): Promise<void> {
  if (options.name !== undefined) {
    const description = await commands.describeRunning(options.name);
    print(options.json === true ? JSON.stringify(description) : describeText(description));
    return;
  }
  const labs = listLabs().map(({ name, isAlive, pid }) => ({ name, isAlive, pid }));
  print(options.json === true ? JSON.stringify(labs) : listText(labs));
}

async function fault(kind: string, operands: readonly string[], options: Options): Promise<void> {
  const [target = '', operand, ...more] = operands;
  if (more.length > 0)
    throw new Error(`inject fault "${kind}": ${operands.length} targets: want at most two`);
  await commands.askLab(options.name, {
    command: 'fault',
    fault: kind,
    target,
    ...(operand === undefined ? {} : { operand }),
  });
  print([kind, ...operands].join(' '));
}

const EXAMPLES = `
Without a command: the demo. To play with a lab that stays:
  npm run lab -- up
  npm run lab -- kubectl apply -f lab/examples/shop.yaml
  npm run lab -- curl http://10.77.0.50/
  npm run lab -- fault power-off node1
  npm run lab -- down`;

const FAULT_HELP = `
Machines (node1, cp, router, client):
  power-off NODE, power-on NODE             all frames are lost, silently: the carrier stays up
  link-down NODE, link-up NODE              the cable is pulled
  isolate-api NODE, heal-api NODE           no way to the API server, the LAN is otherwise fine
  loss NODE PERCENT, heal-loss NODE         of the frames to the node and from it, at random
  oneway FROM TO, heal-oneway FROM TO       frames of the one do not reach the other
  deaf NODE, heal-deaf NODE                 hears nothing
  mute NODE, heal-mute NODE                 is not heard
  partition A,B|C, heal-partition A,B|C     groups that lose each other; who is in none reaches all

Programs (agent/node1, controller/0, apiserver, etcd, …):
  kill, term                                SIGKILL, SIGTERM
  start                                     one that has ended
  stall, resume                             SIGSTOP, SIGCONT
  hang-main, heal-main                      the main thread stands still, the others do not`;

const program = new Command('lab')
  .description(
    'A Kubernetes cluster on this machine, in network namespaces: real API server, real kube-proxy, Fairlead.',
  )
  .enablePositionalOptions()
  .showHelpAfterError('(--help shows what there is)')
  .addHelpText('after', EXAMPLES);

const named = (command: Command): Command => command.option('--name <name>', 'which lab', DEFAULT_NAME);
const sized = (command: Command): Command =>
  named(command).option('--nodes <n>', 'how many nodes', wholeNumber, 3);
const json = (command: Command): Command => command.option('--json', 'print one JSON value and nothing else');
/** Everything after the command's own arguments belongs to the program that it runs. */
const passing = (command: Command): Command => named(command).allowUnknownOption().passThroughOptions();

const exitWith =
  <A extends readonly unknown[]>(run: (...args: A) => Promise<number>) =>
  async (...args: A): Promise<void> => {
    process.exitCode = await run(...args);
  };

json(sized(program.command('demo', { isDefault: true })))
  .description('make a lab, follow one Service from its creation to its first answer, take the lab down')
  .action((options: Options) =>
    demo({ ...options, name: options.name === DEFAULT_NAME ? 'demo' : options.name }),
  );
json(sized(program.command('up')))
  .description('start a lab that stays until `down`')
  .option('--controllers <n>', 'how many controllers', wholeNumber, 1)
  .option(
    '--kube-proxy-min-sync <duration>',
    "kube-proxy's pause between changes (its own default: 1s)",
    '0s',
  )
  .option('--default-class', 'serve Services without a class too', false)
  .action(up);
json(named(program.command('down')))
  .description('stop a lab and remove all of it')
  .action(down);
json(program.command('status'))
  .description('list the labs, or describe one')
  .option('--name <name>', 'which lab')
  .action(status);
named(program.command('fault'))
  .description('inject a fault')
  .argument('<kind>', 'see below')
  .argument('<target...>', 'node1, client, cp, agent/node1, controller/0, apiserver, etcd, …')
  .addHelpText('after', FAULT_HELP)
  .action(fault);
named(program.command('logs'))
  .description('print the log of a program')
  .argument('<target>', 'agent/node1, controller/0, apiserver, etcd, kcm, kube-proxy/node1, pods, supervisor')
  .option('-f, --follow', 'go on until interrupted')
  .action(
    exitWith((target: string, options: { name: string; follow?: boolean }) =>
      commands.showLog(options.name, target, options.follow === true),
    ),
  );
passing(program.command('exec'))
  .description('run a program on a machine of the lab')
  .argument('<machine>', 'node1, …, client, router or controlPlane')
  .argument('<command...>')
  .action(
    exitWith((machine: string, argv: string[], options: Options) =>
      commands.execOn(options.name, machine, argv),
    ),
  );
passing(program.command('kubectl'))
  .description('run kubectl as the administrator')
  .argument('[args...]')
  .action(exitWith((argv: string[], options: Options) => commands.kubectl(options.name, argv)));
passing(program.command('curl'))
  .description('run curl as the client')
  .argument('[args...]')
  .action(exitWith((argv: string[], options: Options) => commands.curl(options.name, argv)));

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
