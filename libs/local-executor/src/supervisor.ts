import { text } from 'node:stream/consumers';
import { runSupervisor } from './supervisor/run-supervisor.js';
import type { SupervisorOrder } from './supervisor/supervisor-order.js';

/*
 * `node supervisor.js <run directory>` with a SupervisorOrder as JSON on standard input. Exit codes: 0 it ran the attempt to
 * its end (whatever end), 3 another supervisor has it, 1 it could not begin.
 */
const [, , directory] = process.argv;
if (directory === undefined) process.exit(1);
const order = JSON.parse(await text(process.stdin)) as SupervisorOrder;
process.exit((await runSupervisor(directory, order)) === 'ran' ? 0 : 3);
