import { spawnSync } from 'node:child_process';
import { findBuilders } from '@image-factory/local-executor';
import { Failure } from '../../start/failure.ts';
import { showStep } from '../../start/show-step.ts';
import type { Method } from '../options.ts';
import { say } from '../say.ts';

const INSTALLERS = ['apt-get', 'dnf', 'apk', 'zypper'];

async function find(): ReturnType<typeof findBuilders> {
  return findBuilders({ path: process.env['PATH'] ?? '', environment: process.env });
}

function hasBuilder(found: Awaited<ReturnType<typeof find>>, method: Method): boolean {
  return found.builders.some((builder) => (builder.kind === 'packer') === (method === 'packer'));
}

/** Runs the command of the system's package manager, which may ask nothing. */
async function install(command: string): Promise<void> {
  const [program = '', ...args] = command.split(' ');
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (words: readonly string[]): void => {
    const result = spawnSync(program, words, { encoding: 'utf8', env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    if (result.status === 0) return;
    const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd().split('\n').slice(-8).join('\n');
    throw new Failure(`${program} ${words.join(' ')} failed:\n${said}`, `Run it yourself: ${command}`);
  };
  await showStep(`installing with ${program}`, async () => {
    if (program === 'apt-get') run(['update']);
    run(args);
  });
}

/** Makes sure that something on this machine can build images; installs buildah when this user may, and says so. */
export async function ensureBuilder(method: Method): Promise<void> {
  let found = await find();
  for (const { kind, path, problem } of found.unusable) say(`  ${kind} (${path}) cannot be used: ${problem}`);
  if (method === 'packer' && !hasBuilder(found, method)) {
    throw new Failure('Packer is not installed.', 'Install it: https://developer.hashicorp.com/packer/install');
  }
  const { installCommand } = found;
  if (installCommand !== undefined) {
    const mayInstall = process.getuid?.() === 0 && INSTALLERS.includes(installCommand.split(' ')[0] ?? '');
    if (!mayInstall) {
      throw new Failure(
        'Nothing on this machine builds images (buildah, docker, podman, buildctl).',
        `Run: sudo ${installCommand}`,
      );
    }
    say(`No builder is installed; as you are root, this runs: ${installCommand}`);
    await install(installCommand);
    found = await find();
  }
  const builder = found.builders.find((candidate) => (candidate.kind === 'packer') === (method === 'packer'));
  if (builder === undefined) throw new Failure('No builder works on this machine.', 'See above why; install buildah.');
  say(`Builder     ${builder.kind} ${builder.version} (${builder.path})`);
}
