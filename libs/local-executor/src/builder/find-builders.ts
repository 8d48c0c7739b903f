import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { execa } from 'execa';
import { BUILDER_VARIABLES, type BuilderEnvironment } from '../command/child-environment.js';
import {
  BUILDER_KINDS,
  type BuilderKind,
  type FoundBuilder,
  type FoundBuilders,
  type UnusableBuilder,
} from './builder.js';
import { installCommand, parseOsRelease, type OperatingSystem } from './install-command.js';

export interface FindBuildersOptions {
  /** Directories as in `PATH`; only absolute ones are looked into. */
  readonly path: string;
  readonly environment?: BuilderEnvironment;
  /** Milliseconds for each question to a program; 10 s by default. */
  readonly timeoutMs?: number;
}

interface Probe {
  readonly args: readonly string[];
  /** Said when the program is there and does not answer. */
  readonly problem: string;
}

/** A question that only a usable builder answers, with its version. */
const PROBES: Readonly<Record<BuilderKind, Probe>> = {
  buildah: { args: ['--version'], problem: 'it does not run' },
  docker: { args: ['version', '--format', '{{.Server.Version}}'], problem: 'its daemon does not answer' },
  podman: { args: ['--version'], problem: 'it does not run' },
  buildctl: { args: ['debug', 'info'], problem: 'its daemon (BUILDKIT_HOST) does not answer' },
  packer: { args: ['version'], problem: 'it does not run' },
};

/** Looks for everything that builds on this host. Never throws: what does not work is named with its problem. */
export async function findBuilders(options: FindBuildersOptions): Promise<FoundBuilders> {
  const git = await findProgram('git', options.path);
  const gitVersion = git === undefined ? undefined : await ask(git, ['--version'], options);
  const builders: FoundBuilder[] = [];
  const unusable: UnusableBuilder[] = [];
  for (const result of await Promise.all(BUILDER_KINDS.map((kind) => probe(kind, options)))) {
    if (result === undefined) continue;
    if ('problem' in result) unusable.push(result);
    else builders.push(result);
  }
  const missing = [
    ...(builders.some((builder) => builder.kind !== 'packer') ? [] : ['buildah']),
    ...(gitVersion === undefined ? ['git'] : []),
  ];
  return {
    builders,
    unusable,
    git: git === undefined || gitVersion === undefined ? undefined : { path: git, version: versionIn(gitVersion) },
    installCommand: missing.length === 0 ? undefined : installCommand(await operatingSystem(), missing),
  };
}

async function probe(
  kind: BuilderKind,
  options: FindBuildersOptions,
): Promise<FoundBuilder | UnusableBuilder | undefined> {
  const path = await findProgram(kind, options.path);
  if (path === undefined) return undefined;
  const answer = await ask(path, PROBES[kind].args, options);
  if (answer === undefined) return { kind, path, problem: PROBES[kind].problem };
  const version = versionIn(answer);
  if (kind !== 'buildah' && kind !== 'podman') return { kind, path, version };
  return { kind, path, version, storageDriver: (await canOverlay(path, options)) ? 'overlay' : 'vfs' };
}

/** Starting storage with the overlay driver mounts a file system for a moment, which tells whether builds may. */
async function canOverlay(path: string, options: FindBuildersOptions): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'if-overlay-'));
  try {
    const storage = [
      '--root',
      join(directory, 'root'),
      '--runroot',
      join(directory, 'run'),
      '--storage-driver',
      'overlay',
    ];
    return (await ask(path, [...storage, 'images', '--quiet'], options)) !== undefined;
  } finally {
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function ask(file: string, args: readonly string[], options: FindBuildersOptions): Promise<string | undefined> {
  const given = options.environment ?? {};
  const environment = Object.fromEntries(BUILDER_VARIABLES.map((name) => [name, given[name]]));
  const result = await execa(file, args, {
    reject: false,
    extendEnv: false,
    env: { ...environment, PATH: options.path, HOME: tmpdir(), LC_ALL: 'C' },
    stdin: 'ignore',
    timeout: options.timeoutMs ?? 10_000,
    maxBuffer: 64 * 1024,
    cwd: '/',
  });
  return result.exitCode === 0 ? result.stdout : undefined;
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter)) {
    if (!isAbsolute(directory)) continue;
    const candidate = join(directory, name);
    const executable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return candidate;
  }
  return undefined;
}

function versionIn(answer: string): string {
  return /v?(\d+\.\d+(?:\.\d+)?[\w.+-]*)/.exec(answer)?.[1] ?? 'unknown';
}

async function operatingSystem(): Promise<OperatingSystem> {
  if (process.platform !== 'linux') return { id: process.platform, idLike: [] };
  return parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
}
