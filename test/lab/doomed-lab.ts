// A lab that a test kills: makes a network, one program of its process table and one that the table does not know, tells
// their pids on standard output and waits for its end.
//
// Usage: node test/lab/doomed-lab.ts NAME

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createNetwork } from '../../lab/network.ts';
import { ProcessTable } from '../../lab/process-table.ts';

const network = await createNetwork({ name: process.argv[2] ?? '', nodes: 1 });
const { netns } = network.controlPlane;
const processes = new ProcessTable({ logsDir: network.logsDir });
const program = await processes.start({ target: 'agent/node1', netns, argv: ['sleep', '600'] });
const outside = await processes.start({ target: 'pods', argv: ['sleep', '600'] });
const straggler = spawn('ip', ['netns', 'exec', netns, 'sleep', '600'], { detached: true, stdio: 'ignore' });
await once(straggler, 'spawn');
process.stdout.write(
  `${JSON.stringify({ children: [program.pid, outside.pid], straggler: straggler.pid, netns })}\n`,
);
