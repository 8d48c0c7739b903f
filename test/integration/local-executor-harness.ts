import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  MAX_SHARD_COUNT,
  shardOf,
  type Attempt,
  type BuildExecutor,
  type ExecutionFollower,
  type PresentAttempt,
  type RenderContext,
} from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { LocalBuildExecutor, type LocalExecutorOptions } from '@image-factory/local-executor';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import {
  eventually,
  GitHttpServer,
  USUAL_RESOURCES,
  type RecordingLogSink,
  type RepositoryFiles,
} from '@image-factory/test-support';
import { NO_CREDENTIALS, SUPERVISOR_ARGUMENTS } from './local-executor-process.js';

export { NO_CREDENTIALS, SUPERVISOR_ARGUMENTS };

/**
 * Stands for buildah: `build` runs the context's `build.mjs`, `push` writes a digest. What a test wants to see done by a
 * builder it writes into its repository.
 */
const FAKE_BUILDAH = `#!/usr/bin/env node
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const args = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
const digest = 'sha256:' + 'd'.repeat(64);
if (args.includes('--version')) console.log('buildah version 9.9.9 (fake)');
else if (args.includes('images')) process.exit(1);
else if (args.includes('push')) {
  const target = args.at(-1);
  console.log('pushing to ' + target);
  if (target.startsWith('oci:')) writeFileSync(join(target.slice(4), 'index.json'), JSON.stringify({ manifests: [{ digest }] }));
  writeFileSync(option('--digestfile'), digest);
} else if (args.includes('build')) import(pathToFileURL(join(args.at(-1), 'build.mjs')));
`;

export const FAKE_DIGEST = `sha256:${'d'.repeat(64)}`;

/** One host with its executor, a git server, and what tests do with them. */
export class LocalExecutorHarness {
  readonly installationId = randomUUID();
  readonly providerId = randomUUID();
  readonly tenantId = randomUUID();
  readonly changes: string[] = [];
  readonly #followers: ExecutionFollower[] = [];

  private constructor(
    readonly directory: string,
    readonly git: GitHttpServer,
    readonly options: LocalExecutorOptions,
    readonly executor: BuildExecutor,
  ) {}

  static async start(
    overrides: Partial<LocalExecutorOptions> & { readonly realBuilder?: boolean } = {},
  ): Promise<LocalExecutorHarness> {
    const directory = await mkdtemp(join(tmpdir(), 'if-local-'));
    const bin = join(directory, 'bin');
    await mkdir(bin);
    const { realBuilder = false, ...given } = overrides;
    if (!realBuilder) {
      await writeFile(join(bin, 'buildah'), FAKE_BUILDAH);
      await chmod(join(bin, 'buildah'), 0o755);
    }
    const git = await GitHttpServer.start();
    const options: LocalExecutorOptions = {
      workspaceDir: join(directory, 'workspace'),
      hostId: 'host-1',
      hostName: 'host-one',
      egress: new EgressPolicy({ allow: ['127.0.0.1'] }),
      logger: createSilentLogger(),
      clock: systemClock,
      path: `${bin}:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
      stopGraceMs: 1_000,
      pollMs: 50,
      supervisorArguments: SUPERVISOR_ARGUMENTS,
      ...given,
    };
    return new LocalExecutorHarness(directory, git, options, new LocalBuildExecutor(options));
  }

  /** A context to build the files of a new repository. */
  async contextFor(files: RepositoryFiles, overrides: Partial<RenderContext> = {}): Promise<RenderContext> {
    const repository = randomUUID();
    await this.git.commit(repository, { Dockerfile: 'FROM scratch\n', ...files });
    const buildId = randomUUID();
    return {
      installationId: this.installationId,
      tenantId: this.tenantId,
      projectId: randomUUID(),
      buildId,
      executionId: randomUUID(),
      attempt: 1,
      shard: shardOf(buildId, 1),
      buildMethod: 'docker',
      gitRepositoryUrl: this.git.url(repository),
      gitRevision: 'main',
      imageRepository: undefined,
      config: {},
      pipelineTimeoutSeconds: 120,
      storageClass: undefined,
      workspaceSize: '1Gi',
      avoidedNodes: [],
      insecureRegistry: false,
      resources: USUAL_RESOURCES,
      hasGitCredential: false,
      traceparent: undefined,
      ...overrides,
    };
  }

  /** An attempt to build the files of a new repository, as the dispatcher would store it. */
  async attempt(files: RepositoryFiles, overrides: Partial<RenderContext> = {}): Promise<Attempt> {
    const context = await this.contextFor(files, overrides);
    const { providerId, tenantId } = this;
    const place = await this.executor.prepare({ providerId, tenantId }, AbortSignal.timeout(10_000), () => true);
    const { document, hash, name } = this.executor.render(context, place);
    const { executionId, buildId, installationId, attempt, shard, buildMethod } = context;
    const identity = { executionId, buildId, tenantId, providerId, installationId, attempt, shard, buildMethod };
    return { ...identity, place, name, document, documentHash: hash, uid: undefined, stopIntent: undefined };
  }

  /** A follower as a dispatcher of this host opens it; `close` closes all. */
  follower(executor: BuildExecutor = this.executor): ExecutionFollower {
    const follower = executor.openFollower({
      providerId: this.providerId,
      installationId: this.installationId,
      shards: [0],
      watchStaleMs: 120_000,
      mayWrite: () => true,
      onChange: (executionId) => void this.changes.push(executionId),
    });
    this.#followers.push(follower);
    return follower;
  }

  runDirectory(attempt: Attempt): string {
    return join(this.options.workspaceDir, attempt.name);
  }

  async close(): Promise<void> {
    for (const follower of this.#followers) await follower.close();
    const shards = Array.from({ length: MAX_SHARD_COUNT }, (_none, shard) => shard);
    const { providerId, installationId } = this;
    const onChange = (): void => undefined;
    const cleaner = this.executor.openFollower({
      providerId,
      installationId,
      shards,
      watchStaleMs: 120_000,
      mayWrite: () => true,
      onChange,
    });
    for (const { name, uid, buildId, attempt } of await cleaner.listRuns()) {
      await cleaner.remove({ name, uid, installationId, buildId, attempt } as Attempt, () => true);
    }
    await cleaner.close();
    await this.git.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Waits until the attempt has ended and nothing of it lives. */
export async function untilOver(follower: ExecutionFollower, attempt: Attempt): Promise<PresentAttempt> {
  const isOver = async (): Promise<PresentAttempt | undefined> => {
    const seen = await follower.observe(attempt);
    return seen.kind === 'present' && seen.phase === 'ended' && seen.podsOver ? seen : undefined;
  };
  return await eventually(`the end of ${attempt.name}`, isOver, { deadlineMs: 40_000 });
}

/** Waits until a step's stored log has this text. */
export async function untilPrinted(sink: RecordingLogSink, key: string, text: string): Promise<void> {
  await eventually(`${key} prints ${text}`, () => sink.text(key).includes(text), { deadlineMs: 20_000 });
}
