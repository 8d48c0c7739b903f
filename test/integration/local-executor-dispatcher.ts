import { text } from 'node:stream/consumers';
import type { Attempt } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { LocalBuildExecutor } from '@image-factory/local-executor';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { NO_CREDENTIALS, SUPERVISOR_ARGUMENTS } from './local-executor-process.js';

/*
 * A process of its own that creates the attempt given on standard input and then stays, to be killed:
 * `local-executor-dispatcher.ts <workspace directory> <PATH>`.
 */
const [, , workspaceDir = '', path = ''] = process.argv;
const attempt = JSON.parse(await text(process.stdin)) as Attempt;
const executor = new LocalBuildExecutor({
  workspaceDir,
  path,
  hostId: 'host-1',
  hostName: 'host-one',
  egress: new EgressPolicy({ allow: ['127.0.0.1'] }),
  logger: createSilentLogger(),
  clock: systemClock,
  supervisorArguments: SUPERVISOR_ARGUMENTS,
});
const follower = executor.openFollower({
  providerId: attempt.providerId,
  installationId: attempt.installationId,
  shards: [0],
  watchStaleMs: 120_000,
  mayWrite: () => true,
  onChange: () => undefined,
});
const outcome = await follower.create(attempt, NO_CREDENTIALS, () => true);
process.stdout.write(outcome.kind);
setInterval(() => undefined, 60_000);
