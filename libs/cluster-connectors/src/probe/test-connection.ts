import { type Clock, DomainError, isDomainError, type Reason } from '@image-factory/domain';
import { egressError, type EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
import type { ClusterAccess } from '../connection/cluster-access.js';
import { ClusterConnection } from '../connection/cluster-connection.js';
import { openTunnel } from '../connection/proxy-connector.js';
import { toDomainError } from '../error/kube-error.js';
import { CLUSTER_STEPS, type ConnectionStep } from './connection-step.js';
import { doStep, skippedStep, type StepResult } from './do-step.js';
import { missingAccess } from './required-access.js';
import { reachTcp, shakeHands, type TlsTarget } from './tls-handshake.js';

export interface TestConnectionOptions {
  readonly fileRules?: CredentialFileRules;
  readonly clock?: Clock;
  /** Limit of each step. Default 10 000. */
  readonly timeoutMs?: number;
  /** Default true: Tasks are installed, which needs permissions of its own. */
  readonly installTasks?: boolean;
}

type Steps = Readonly<Record<(typeof CLUSTER_STEPS)[number], () => Promise<StepResult>>>;

/**
 * Goes the way to a cluster step by step and says at which one it ends, and what to do there; steps after a failed one
 * are skipped, except that version and permissions are both tried once the identity is accepted. Never throws for what
 * the cluster does.
 */
export async function testConnection(
  access: ClusterAccess,
  egress: EgressPolicy,
  options: TestConnectionOptions = {},
): Promise<ConnectionStep[]> {
  const clock = options.clock ?? systemClock;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const fileRules = options.fileRules ?? { allowedDirs: [], anyPath: false };
  const connection = new ClusterConnection({
    providerId: 'test',
    generation: 0,
    access,
    egress,
    fileRules,
    clock,
    requestTimeoutMs: timeoutMs,
  });
  let target: TlsTarget = { host: '', address: '', port: 0 };
  const steps: Steps = {
    resolve: async () => {
      const { proxy, server } = access;
      const verdict = await egress.check(proxy ?? server, proxy === undefined ? 'cluster' : 'proxy');
      if (!verdict.allowed) throw egressError(verdict);
      const { host, port, addresses } = verdict;
      target = { host, port, address: addresses[0] ?? host };
      const what = proxy === undefined ? host : `The proxy ${host}`;
      return { message: `${what} is ${addresses.join(', ')}.`, details: { addresses } };
    },
    tcp: async () => {
      await reachTcp(target, timeoutMs);
      const { address, port } = target;
      return { message: `${address} port ${port} takes connections.`, details: { address, port } };
    },
    tls: () => judgeTls(access, target, { timeoutMs, fileRules, clock, egress }),
    authenticate: () => authenticate(connection),
    version: () => readVersion(connection),
    permissions: () => askPermissions(connection, options.installTasks !== false, timeoutMs),
  };
  try {
    return await run(steps, clock);
  } finally {
    await connection.close();
  }
}

async function run(steps: Steps, clock: Clock): Promise<ConnectionStep[]> {
  const done: ConnectionStep[] = [];
  let blocked = false;
  for (const name of CLUSTER_STEPS) {
    if (blocked) {
      done.push(skippedStep(name));
      continue;
    }
    const step = await doStep(name, steps[name], clock);
    done.push(step);
    blocked = step.status === 'failed' && name !== 'version';
  }
  return done;
}

async function judgeTls(
  access: ClusterAccess,
  target: TlsTarget,
  options: {
    readonly timeoutMs: number;
    readonly fileRules: CredentialFileRules;
    readonly clock: Clock;
    readonly egress: EgressPolicy;
  },
): Promise<StepResult> {
  if (access.server.startsWith('http:'))
    return { message: 'Plain http is used, as the operator allows for this host.' };
  const { fileRules, clock, timeoutMs, egress } = options;
  const ca = access.ca === undefined ? undefined : await new CredentialReader(access.ca, fileRules, clock).read();
  const { hostname, port } = new URL(access.server);
  const serverName = access.tlsServerName ?? hostname.replace(/^\[|\]$/g, '');
  const tunnel =
    access.proxy === undefined
      ? undefined
      : await openTunnel(egress, access.proxy, `${hostname}:${port === '' ? '443' : port}`, timeoutMs);
  const { peer, problem } = await shakeHands(tunnel ?? target, { ca, serverName, timeoutMs });
  const details = peer === undefined ? {} : { details: { peer, expected_name: serverName } };
  if (problem === undefined) {
    const until = peer === undefined ? '' : ` It ends at ${peer.expires_at}.`;
    return { message: `The server’s certificate is trusted and carries the expected name.${until}`, ...details };
  }
  const error = toDomainError(Object.assign(new Error(problem), { code: problem }), { sent: false });
  return { message: error.message, error, ...details };
}

async function authenticate(connection: ClusterConnection): Promise<StepResult> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  try {
    const review = await connection.request<{ status?: { userInfo?: { username?: string } } }>({
      requestClass: 'probe',
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body,
    });
    const username = review.body.status?.userInfo?.username ?? '';
    const details = { username };
    if (username === 'system:anonymous') {
      const message = 'The server takes us for anonymous: the credential is not accepted.';
      return { message, details, error: failure('Unauthenticated', 'ClusterUnauthorized', message) };
    }
    return { message: `The server knows us as ${username}.`, details };
  } catch (error) {
    // Older than Kubernetes 1.28, or not allowed to review itself: the discovery document needs an accepted identity, too.
    const unsupported =
      isDomainError(error) && (error.reason === 'ObjectNotFound' || error.reason === 'ClusterForbidden');
    if (!unsupported) throw error;
    await connection.request({ requestClass: 'probe', method: 'GET', path: '/api' });
    return { message: 'The credential is accepted.' };
  }
}

async function readVersion(connection: ClusterConnection): Promise<StepResult> {
  const { body } = await connection.request<{ gitVersion?: string } | string>({
    requestClass: 'probe',
    method: 'GET',
    path: '/version',
  });
  const version = typeof body === 'string' ? undefined : body.gitVersion;
  if (version === undefined) {
    const message = 'The answer to GET /version is none of the Kubernetes API: something else stands at the endpoint.';
    return { message, error: failure('Unavailable', 'ClusterUnavailable', message) };
  }
  return { message: `Kubernetes ${version}.`, details: { kubernetes_version: version } };
}

async function askPermissions(
  connection: ClusterConnection,
  installTasks: boolean,
  timeoutMs: number,
): Promise<StepResult> {
  const missing = await missingAccess(connection, { installTasks, timeoutMs });
  const details = { missing };
  if (missing.length === 0) return { message: 'Every permission that builds need is granted.', details };
  const message = `The identity lacks: ${missing.join(', ')}.`;
  return { message, details, error: failure('NotAllowed', 'ClusterForbidden', message) };
}

function failure(kind: 'NotAllowed' | 'Unauthenticated' | 'Unavailable', reason: Reason, message: string): DomainError {
  return new DomainError({ kind, reason, message, fault: 'cluster' });
}
