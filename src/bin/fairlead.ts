#!/usr/bin/env node
// The program `fairlead`: its commands and flags. A command's code is loaded only when it runs, so that the agent
// never carries what only the controller needs.

import { Command, CommanderError } from 'commander';
import { EXIT, type ExitCode, explain } from './exit.ts';
import {
  type AgentFlags,
  addAgentFlags,
  addControllerFlags,
  type ControllerFlags,
  conflictOf,
} from './flags.ts';
import { keepSmall } from './memory.ts';
import { VERSION } from './version.ts';

const EXIT_CODES = `
Exit codes:
  0 done   1 other   2 usage   3 configuration   4 API unreachable   5 forbidden by the API`;

function createProgram(): Command {
  const program = new Command('fairlead')
    .description('LoadBalancer Services for Kubernetes on bare metal.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText('after', EXIT_CODES)
    .configureOutput({
      outputError: (text, write) => write(`fairlead: ${oneLine(text)} (see fairlead --help)\n`),
    })
    .exitOverride();
  addControllerCommand(program);
  addAgentCommand(program);
  addHelpCommand(program);
  return program;
}

/** commander's own answers an unknown command with the whole help. */
function addHelpCommand(program: Command): void {
  program
    .command('help [command]')
    .description('print the help of a command')
    .action((name?: string) => {
      const found =
        name === undefined ? program : program.commands.find((command) => command.name() === name);
      if (found === undefined) program.error(`error: unknown command '${name}'`);
      else found.help();
    });
}

function addControllerCommand(program: Command): void {
  const command = program
    .command('controller')
    .summary('give Services their addresses (one in the cluster leads)')
    .description(
      'Gives Services of type LoadBalancer their addresses and plans which nodes may announce each.',
    );
  addControllerFlags(command).action(async (flags: ControllerFlags) => {
    const { runController } = await import('./controller.ts');
    await runController(flags);
  });
}

function addAgentCommand(program: Command): void {
  const command = program
    .command('agent')
    .summary('announce addresses on this node (one on each node)')
    .description(
      'Elects among the nodes and answers ARP for the addresses that this node holds. Needs the capabilities ' +
        'NET_ADMIN and NET_RAW, and the network of the host.',
    );
  addAgentFlags(command).action(async (flags: AgentFlags) => {
    const conflict = conflictOf(flags);
    if (conflict !== undefined) command.error(`error: ${conflict}`);
    keepSmall();
    const { runAgent } = await import('./agent.ts');
    await runAgent(flags);
  });
}

/** commander puts its suggestion on a second line. */
const oneLine = (text: string): string =>
  text
    .trim()
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ');

async function main(): Promise<ExitCode> {
  try {
    await createProgram().parseAsync();
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof CommanderError)) return explain(error);
    // Help and version that were asked for end with 0; help in place of a missing command does not.
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

// Nothing keeps the process any longer: idle connections to the API would, for a while.
process.exit(await main());
