import { join } from 'node:path';
import {
  checkoutCommand,
  fetchCommands,
  initCommand,
  isUnknownRevision,
  NEXT_FETCH,
  revisionCommand,
  type CloneInput,
} from '../command/clone-commands.js';
import type { Command } from '../command/command.js';
import type { CloneSpec } from '../document/local-run.js';
import { readTail } from '../log/read-tail.js';
import type { RunDirectory } from '../workspace/run-directory.js';
import type { GitEnvironment } from './git-credential-files.js';
import type { CommandExit, StepRunner } from './step-runner.js';

/** Checks out exactly the revision into `source`. Returns how a command failed; undefined when all went well. */
export async function cloneRepository(
  step: StepRunner,
  clone: CloneSpec,
  input: CloneInput,
  environment: GitEnvironment,
  directory: RunDirectory,
): Promise<CommandExit | undefined> {
  const run = (command: Command): Promise<CommandExit> => step.run({ ...command, environment }, true);
  await step.say(`Cloning ${clone.url} at ${clone.revision}`);
  const initialised = await run(initCommand(input));
  if (initialised.exitCode !== 0) return initialised;
  let fetched: CommandExit = { exitCode: undefined, signal: undefined };
  for (const [index, command] of fetchCommands(input, clone).entries()) {
    if (index > 0) await step.say(NEXT_FETCH);
    fetched = await run(command);
    if (fetched.exitCode === 0) break;
    const log = await readTail(directory.logFile({ task: 'clone', step: 'clone' }));
    if (fetched.signal !== undefined || !isUnknownRevision(lastLine(log))) break;
  }
  if (fetched.exitCode !== 0) return fetched;
  for (const command of [checkoutCommand(input, clone), revisionCommand(input, join(directory.temporary, 'commit'))]) {
    const exit = await run(command);
    if (exit.exitCode !== 0) return exit;
  }
  await step.say('Checked out.');
  return undefined;
}

/** git's own last words; earlier lines may be those of the try before. */
function lastLine(log: string): string {
  return log.split('\n').slice(-2).join('\n');
}
