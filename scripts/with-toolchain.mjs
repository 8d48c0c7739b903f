/**
 * Runs a script of this project with the project's own Node, from whatever state the checkout is in:
 *
 *   node scripts/with-toolchain.mjs [--no-build] SCRIPT [ARGUMENT…]
 *   node scripts/with-toolchain.mjs --build-only
 *
 * Plain JavaScript without packages, because it must run on Node 20 in a fresh clone. It installs Node and pnpm into
 * `.toolchain`, installs packages when the lockfile or a package.json has changed, builds what has changed, and then
 * runs the script, forwarding arguments, signals and the exit code.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './toolchain/lock.mjs';
import { SetupError } from './toolchain/progress.mjs';
import { environmentOf, setUp } from './toolchain/setup.mjs';

const OLDEST_NODE = 20;
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const LAST_LINES = 60;

function parse(args) {
  const rest = [...args];
  const options = { build: true, buildOnly: false };
  while (rest[0]?.startsWith('--')) {
    const flag = rest.shift();
    if (flag === '--no-build') options.build = false;
    else if (flag === '--build-only') options.buildOnly = true;
    else throw new SetupError(`Unknown option ${flag}.`, 'Known are --no-build and --build-only.');
  }
  if (!options.buildOnly && rest.length === 0) throw new SetupError('No script given.', 'Name the script to run.');
  return { ...options, script: rest[0], scriptArgs: rest.slice(1) };
}

/** Runs the script and resolves with the exit code that a shell would show. */
function runScript(root, script, args) {
  return new Promise((resolve) => {
    const node = join(root, '.toolchain', 'node_modules', '.bin', 'node');
    const child = spawn(node, [join(root, script), ...args], { stdio: 'inherit', env: environmentOf(root) });
    for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
    child.on('error', (error) => {
      process.stderr.write(`${node} cannot be run (${error.message}). Delete .toolchain and run the command again.\n`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

async function main() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    throw new SetupError(
      `Node ${process.versions.node} is too old.`,
      `Install Node ${OLDEST_NODE} or newer from https://nodejs.org; it brings npm, and the rest comes by itself.`,
    );
  }
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const { build, buildOnly, script, scriptArgs } = parse(process.argv.slice(2));
  await withLock(join(root, '.toolchain', 'lock'), () => setUp(root, { build }));
  return buildOnly ? 0 : runScript(root, script, scriptArgs);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  if (error.output) process.stderr.write(`${error.output.trimEnd().split('\n').slice(-LAST_LINES).join('\n')}\n\n`);
  process.stderr.write(`${error.message}\n${error.advice}\n`);
  process.exitCode = 1;
}
