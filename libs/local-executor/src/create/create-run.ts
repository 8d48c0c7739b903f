import { randomUUID } from 'node:crypto';
import type { Attempt, AttemptCredentials, CreateOutcome, MayWrite } from '@image-factory/domain';
import { builderFor } from '../builder/builder.js';
import { parseLocalRun, type LocalRun } from '../document/local-run.js';
import type { SupervisorOrder } from '../supervisor/supervisor-order.js';
import { RunDirectory } from '../workspace/run-directory.js';
import type { RunRecord } from '../workspace/run-state.js';
import { isErrno } from '../workspace/write-atomically.js';
import { checkDestinations } from './check-destinations.js';
import type { KnownRun, LocalHost } from '../follower/local-host.js';
import { startSupervisor } from './start-supervisor.js';

/**
 * Ensures that the attempt's run exists and has a supervisor. Called again with the same attempt it finds what it made:
 * the directory appears as a whole and once, and only one supervisor ever claims it, so a create that was cut off
 * anywhere is simply finished.
 */
export async function createRun(
  host: LocalHost,
  attempt: Attempt,
  credentials: AttemptCredentials,
  mayWrite: MayWrite,
): Promise<CreateOutcome> {
  const run = parseLocalRun(attempt.document);
  const found = await host.findRun(attempt);
  if (found !== undefined && found.record.documentHash !== attempt.documentHash) {
    // Two documents for one attempt (rule 13): the one that runs stands, and somebody has to look.
    const { executionId, name } = attempt;
    host.settings.logger.error('A run was made from another document than the stored one', { executionId, name });
  }
  if (found !== undefined && (await found.directory.findSupervisor()) !== undefined) {
    return { kind: 'adopted', uid: found.record.uid };
  }
  if (await host.closedMarks.has(attempt.name)) {
    const message = `The attempt ${attempt.name} has already ended on this host.`;
    return { kind: 'refused', reason: 'ObjectConflict', message, fault: 'platform' };
  }
  const order = await prepareOrder(host, attempt, run, credentials);
  if ('kind' in order) return order;
  if (!mayWrite()) return { kind: 'notAllowed' };
  const made = found ?? (await makeDirectory(host, attempt));
  if ('kind' in made) return made;
  if (!mayWrite()) return { kind: 'notAllowed' };
  return await startSupervisor(host.settings, made.directory, { ...order, uid: made.record.uid });
}

/** All that is checked before anything is made, and all that the supervisor needs. */
async function prepareOrder(
  host: LocalHost,
  attempt: Attempt,
  run: LocalRun,
  credentials: AttemptCredentials,
): Promise<Omit<SupervisorOrder, 'uid'> | CreateOutcome> {
  const { settings } = host;
  if (run.spec.hostId !== settings.hostId || attempt.place.clusterUid !== settings.hostId) {
    const message = `The attempt belongs to the host ${attempt.place.namespace}, not to ${settings.hostName}.`;
    return { kind: 'retryLater', reason: 'HostLost', message, retryAfterMs: 30_000 };
  }
  const checked = await checkDestinations(run, settings.egress);
  if ('kind' in checked) return checked;
  const found = await host.builders();
  const { build } = run.spec;
  const builder = builderFor(build.method, found);
  if (builder === undefined || found.git === undefined) {
    const what =
      builder === undefined
        ? build.method === 'packer'
          ? 'packer'
          : 'builder (buildah, docker, podman, buildctl)'
        : 'git';
    const problems = found.unusable.map(({ path, problem }) => ` ${path}: ${problem}.`).join('');
    const remedy = found.installCommand ?? 'install packer';
    const message = `No ${what} works on ${settings.hostName}.${problems} Run: ${remedy}`;
    return { kind: 'refused', reason: 'BuilderMissing', message, fault: 'platform' };
  }
  const imageHost = build.method !== 'packer' && build.insecureRegistry ? build.image?.split('/')[0] : undefined;
  return {
    git: found.git.path,
    builder,
    path: settings.path,
    environment: settings.builderEnvironment,
    pinnedGitHost: checked.pinned,
    insecureRegistries: [...new Set([...settings.insecureRegistries, ...(imageHost === undefined ? [] : [imageHost])])],
    layout: host.layoutOf(attempt.executionId),
    closedMark: host.closedMarks.path(attempt.name),
    stopGraceMs: settings.stopGraceMs,
    logLimitBytes: settings.logLimitBytes,
    credentials: openCredentials(credentials),
  };
}

function openCredentials({ dockerConfigJson, git }: AttemptCredentials): SupervisorOrder['credentials'] {
  const opened =
    git === undefined
      ? undefined
      : git.type === 'ssh_key'
        ? { type: git.type, privateKey: git.privateKey.reveal(), knownHosts: git.knownHosts }
        : { type: git.type, host: git.host, username: git.username, password: git.password.reveal() };
  return { dockerConfigJson: dockerConfigJson?.reveal(), git: opened };
}

async function makeDirectory(host: LocalHost, attempt: Attempt): Promise<KnownRun | CreateOutcome> {
  const directory = host.directoryOf(attempt.name);
  if (directory === undefined) {
    return {
      kind: 'refused',
      reason: 'BuildConfigInvalid',
      message: 'The run has no name of ours.',
      fault: 'platform',
    };
  }
  const record: RunRecord = {
    uid: randomUUID(),
    name: attempt.name,
    installationId: attempt.installationId,
    executionId: attempt.executionId,
    buildId: attempt.buildId,
    attempt: attempt.attempt,
    shard: attempt.shard,
    documentHash: attempt.documentHash,
    createdAt: host.now().toISOString(),
  };
  try {
    if (await RunDirectory.create(directory.path, record, attempt.document)) return { directory, record };
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    const message = `The disk of ${host.settings.hostName} is full. Free space below ${host.settings.workspaceDir}.`;
    return { kind: 'retryLater', reason: 'HostDiskFull', message, retryAfterMs: 30_000 };
  }
  const other = await host.findRun(attempt);
  if (other !== undefined) return other;
  const message = `The directory ${directory.path} exists and is not this attempt's.`;
  return { kind: 'refused', reason: 'NameCollision', message, fault: 'platform' };
}
