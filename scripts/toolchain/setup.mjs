import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, SetupError, step } from './progress.mjs';

/** Versions of the toolchain; `package.json` and the images name the same. */
export const NODE_VERSION = '24.21.0';
export const PNPM_VERSION = '12.21.0';

const WORKSPACE_FOLDERS = ['apps', 'libs', 'test'];

/** @param {string} root */
export function environmentOf(root) {
  const folders = [join(root, '.toolchain', 'node_modules', '.bin'), join(root, 'node_modules', '.bin')];
  return {
    ...process.env,
    PATH: [...folders, process.env['PATH'] ?? ''].join(delimiter),
    TURBO_TELEMETRY_DISABLED: '1',
    SCARF_ANALYTICS: 'false',
  };
}

function versionOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).version;
  } catch {
    return undefined;
  }
}

/** True when `.toolchain` holds exactly our Node and pnpm. */
function hasToolchain(root) {
  const modules = join(root, '.toolchain', 'node_modules');
  return (
    versionOf(join(modules, 'node', 'package.json')) === NODE_VERSION &&
    versionOf(join(modules, 'pnpm', 'package.json')) === PNPM_VERSION &&
    existsSync(join(modules, '.bin', 'node')) &&
    existsSync(join(modules, '.bin', 'pnpm'))
  );
}

/** Installs Node and pnpm beside the old ones and then swaps the folders: an interrupted install leaves no half. */
async function installToolchain(root) {
  const toolchain = join(root, '.toolchain');
  const staging = join(toolchain, 'staging');
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, 'package.json'), '{ "private": true }\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const packages = [`node@${NODE_VERSION}`, `pnpm@${PNPM_VERSION}`];
  const flags = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts=false', '--global=false'];
  const { code, output } = await run(npm, ['install', '--prefix', staging, ...flags, ...packages], {
    cwd: staging,
    env: process.env,
  });
  if (code !== 0) {
    throw new SetupError(
      `npm could not install Node ${NODE_VERSION} and pnpm ${PNPM_VERSION}.`,
      code === 127
        ? 'Put npm on the PATH (it comes with Node) and run the command again.'
        : 'Check the network, and npm’s registry and proxy settings (npm config list), then run the command again.',
      output,
    );
  }
  const found = await run(join(staging, 'node_modules', '.bin', 'node'), ['--version'], {
    cwd: root,
    env: process.env,
  });
  if (found.output.trim() !== `v${NODE_VERSION}`) {
    throw new SetupError(
      `The installed Node does not run (${found.output.trim().slice(0, 200)}).`,
      'This machine or its C library may be too old for Node 24: see https://github.com/nodejs/node/blob/v24.x/BUILDING.md.',
      output,
    );
  }
  rmSync(join(toolchain, 'node_modules'), { recursive: true, force: true });
  renameSync(join(staging, 'node_modules'), join(toolchain, 'node_modules'));
  rmSync(staging, { recursive: true, force: true });
}

function packageFolders(root) {
  const inside = WORKSPACE_FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name)),
  );
  return ['.', 'migrations', ...inside].filter((folder) => existsSync(join(root, folder, 'package.json'))).sort();
}

/** Hash of all that decides what `pnpm install` would do. */
function installStamp(root) {
  const hash = createHash('sha256').update(`${NODE_VERSION} ${PNPM_VERSION} ${process.platform} ${process.arch}\n`);
  const files = [
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...packageFolders(root).map((folder) => join(folder, 'package.json')),
  ];
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

async function ensurePackages(root, env) {
  const stampFile = join(root, 'node_modules', '.install-stamp');
  const stamp = installStamp(root);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  await step('installing packages', async () => {
    const { code, output } = await run('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], {
      cwd: root,
      env: { ...env, CI: 'true' },
    });
    if (code === 0) return;
    const isOutdated = output.includes('OUTDATED_LOCKFILE');
    throw new SetupError(
      'pnpm could not install the packages.',
      isOutdated
        ? 'A package.json was changed without its lockfile: run .toolchain/node_modules/.bin/pnpm install.'
        : 'Check the network and npm’s registry and proxy settings, then run the command again.',
      output,
    );
  });
  writeFileSync(stampFile, stamp);
}

async function build(root, env) {
  await step('building', async () => {
    const args = [
      'run',
      'build',
      '--ui=stream',
      '--output-logs=errors-only',
      '--log-prefix=task',
      '--no-update-notifier',
    ];
    const { code, output } = await run('turbo', args, { cwd: root, env });
    if (code !== 0) throw new SetupError('The build failed.', 'Correct what the compiler says above.', output);
  });
}

/**
 * Brings a checkout from whatever state it is in to one where Node 24 can run its scripts. Call it under the lock.
 * @param {string} root
 * @param {{build: boolean}} options
 */
export async function setUp(root, options) {
  if (!hasToolchain(root)) {
    await step(`installing Node ${NODE_VERSION} and pnpm ${PNPM_VERSION} into .toolchain`, () =>
      installToolchain(root),
    );
  }
  const env = environmentOf(root);
  await ensurePackages(root, env);
  if (options.build) await build(root, env);
}
