import { mkdir, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment } from '../command/child-environment.js';
import { planBuild } from '../command/plan-build.js';
import { needsBuildx } from '../command/plan-docker.js';
import type { BuildPlan } from '../command/command.js';
import { parseLocalRun, type LocalRun } from '../document/local-run.js';
import { identifyProcess } from '../process/process-table.js';
import { RUN_MARK_VARIABLE } from '../process/run-processes.js';
import { RunDirectory } from '../workspace/run-directory.js';
import type { Ending } from '../workspace/run-state.js';
import { isErrno } from '../workspace/write-atomically.js';
import { cloneRepository } from './clone-repository.js';
import { removeGitCredential, writeGitCredential } from './git-credential-files.js';
import { readDigest } from './read-digest.js';
import { readPackerManifest } from './read-packer-manifest.js';
import { removeRegistryCredential, writeRegistryFiles } from './registry-files.js';
import { RunGuard } from './run-guard.js';
import { diskFullEnding, RunJournal } from './run-journal.js';
import type { SupervisorOrder } from './supervisor-order.js';
import { verifyPaths } from './verify-paths.js';
import { wallTime } from './wall-time.js';

/**
 * Runs one attempt to its end. One process per attempt, in a session of its own, so that it outlives the dispatcher; all
 * that it does is in files, so that any dispatcher of this host follows it.
 *
 * Exactly one supervisor ever has a run: whoever makes `supervisor.json` first. It then looks whether the attempt was
 * closed (credentials removed) in the meantime; the closer writes its mark first and looks for a supervisor after, so
 * one of the two sees the other. Whatever happens, the last thing it writes is a state with an ending, after nothing
 * of the steps lives; if it dies before, followers find it dead.
 */
export async function runSupervisor(path: string, order: SupervisorOrder): Promise<'ran' | 'not-mine'> {
  const directory = new RunDirectory(path);
  const identity = await identifyProcess(process.pid);
  if (!(await directory.claim({ process: identity, claimedAt: wallTime().toISOString() }))) return 'not-mine';
  const run = parseLocalRun(await directory.readDocument());
  const guard = new RunGuard(directory, run.spec.timeoutSeconds);
  const journal = new RunJournal({
    directory,
    guard,
    order,
    environment: childEnvironment(directory, order.uid, order.path, order.environment),
    mark: { environment: `${RUN_MARK_VARIABLE}=${order.uid}`, directory: path, except: [process.pid] },
  });
  let ending: Ending;
  try {
    await journal.begin(hasPushStep(run, order) ? ['build', 'push'] : ['build']);
    ending = (await closed(order)) ?? (await runSteps(run, { directory, journal, order, guard }));
  } catch (error) {
    ending = unexpected(error);
  }
  await journal.endEverything();
  await directory.removeCredentials().catch(() => undefined);
  await rm(directory.short, { recursive: true, force: true }).catch(() => undefined);
  guard.close();
  await journal.finish(guard.ending ?? ending);
  return 'ran';
}

interface Work {
  readonly directory: RunDirectory;
  readonly journal: RunJournal;
  readonly order: SupervisorOrder;
  readonly guard: RunGuard;
}

async function runSteps(run: LocalRun, work: Work): Promise<Ending> {
  const { directory, journal, order } = work;
  const { clone, build } = run.spec;
  const gitEnvironment = await writeGitCredential(
    directory.home,
    clone.url,
    order.credentials.git,
    order.pinnedGitHost,
  );
  const cloned = await journal.runStep('clone', 'clone', (step) =>
    cloneRepository(
      step,
      clone,
      { git: order.git, source: directory.source, pinned: order.pinnedGitHost },
      gitEnvironment,
      directory,
    ),
  );
  await removeGitCredential(directory.home);
  if (cloned !== undefined) return cloned;
  const commit = await readText(join(directory.temporary, 'commit'));
  if (commit !== undefined) journal.addResult('commit', commit);
  const paths = await verifyPaths(directory.source, build);
  if ('kind' in paths) return paths;
  if (build.method !== 'packer' && build.image === undefined)
    await mkdir(order.layout, { recursive: true, mode: 0o700 });
  const { home, storage, temporary } = directory;
  const plan = planBuild(build, {
    builder: order.builder,
    paths,
    runName: run.metadata.name,
    home,
    storage,
    temporary,
    shortDirectory: directory.short,
    layout: order.layout,
  });
  // Made by nobody else: the name is a hash that others cannot know beforehand.
  if (order.builder.kind === 'podman') await mkdir(directory.short, { mode: 0o700 });
  // Packer runs what its template says on this host and needs no registry: it gets no credential.
  await writeRegistryFiles(
    home,
    build.method === 'packer' ? undefined : order.credentials.dockerConfigJson,
    order.insecureRegistries,
  );
  try {
    return await runPlan(plan, run, work);
  } finally {
    await journal.tidy(plan.tidy);
    await removeRegistryCredential(home);
  }
}

async function runPlan(plan: BuildPlan, run: LocalRun, { journal, order, directory }: Work): Promise<Ending> {
  for (const step of plan.steps) {
    const failed = await journal.runStep(step.task, step.step, async (runner) => {
      for (const command of step.commands) {
        const exit = await runner.run(command);
        if (exit.exitCode !== 0) return exit;
      }
      return undefined;
    });
    if (failed !== undefined) return failed;
  }
  const { build } = run.spec;
  if (build.method === 'packer') {
    const source = await realpath(directory.source);
    const manifest = await readPackerManifest(source, join(source, build.context));
    if (manifest !== undefined) journal.addResult('MANIFEST', manifest);
    return { kind: 'succeeded' };
  }
  const digest = plan.digest === undefined ? undefined : await readDigest(plan.digest);
  if (digest === undefined) {
    const message = `${order.builder.kind} ${order.builder.version} ended well and left no digest of the image.`;
    return { kind: 'refused', reason: 'DigestMissing', message, fault: 'platform' };
  }
  journal.addImage(digest, build.image ?? `oci:${order.layout}`);
  return { kind: 'succeeded' };
}

/** BuildKit pushes while it builds, and packer pushes nothing: neither has a step of its own for it. */
function hasPushStep({ spec: { build } }: LocalRun, { builder }: SupervisorOrder): boolean {
  if (build.method === 'packer' || builder.kind === 'buildctl') return false;
  return builder.kind !== 'docker' || !needsBuildx(build);
}

async function closed(order: SupervisorOrder): Promise<Ending | undefined> {
  const mark = await readText(order.closedMark);
  return mark === undefined ? undefined : { kind: 'stopped' };
}

async function readText(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

function unexpected(error: unknown): Ending {
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return diskFullEnding('The');
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return {
    kind: 'refused',
    reason: 'ProcessFailed',
    message: `The supervisor of the run failed: ${code}.`,
    fault: 'platform',
  };
}
