import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, DomainError, isDomainError, type Reason } from '@image-factory/domain';
import { egressError, type EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
import type { ClusterAccess } from '../connection/cluster-access.js';
import { ClusterConnection } from '../connection/cluster-connection.js';
import { toDomainError } from '../error/kube-error.js';
import { missingAccess } from './required-access.js';

export const CONNECTION_STEPS = ['resolve', 'tcp', 'tls', 'authenticate', 'version', 'permissions'] as const;
export type ConnectionStepName = (typeof CONNECTION_STEPS)[number];

/** One step of a connection test, as the API shows it. */
export interface ConnectionStep {
  readonly name: ConnectionStepName;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly reason?: Reason;
  readonly message?: string;
  readonly duration_ms: number;
}

export interface TestConnectionOptions {
  readonly fileRules?: CredentialFileRules;
  readonly clock?: Clock;
  /** Limit of each step. Default 10 000. */
  readonly timeoutMs?: number;
  /** Default true: Tasks are installed, which needs permissions of its own. */
  readonly installTasks?: boolean;
}

/**
 * Goes the way to a cluster step by step and says at which one it ends; steps after a failed one are skipped, except
 * that version and permissions are both tried once the identity is accepted. Never throws for what the cluster does.
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
  const target: { host: string; port: number; addresses: readonly string[] } = { host: '', port: 0, addresses: [] };
  const work: Readonly<Record<ConnectionStepName, () => Promise<string>>> = {
    resolve: async () => {
      const { proxy, server } = access;
      const verdict = await egress.check(proxy ?? server, proxy === undefined ? 'cluster' : 'proxy');
      if (!verdict.allowed) throw egressError(verdict);
      Object.assign(target, verdict);
      if (proxy !== undefined) return `The proxy ${verdict.host} is ${verdict.addresses.join(', ')}.`;
      return `${verdict.host} is ${verdict.addresses.join(', ')}.`;
    },
    tcp: () => reachTcp(target.addresses[0] ?? target.host, target.port, timeoutMs),
    tls: () => reachTls(access, target, { timeoutMs, fileRules, clock }),
    authenticate: () => authenticate(connection),
    version: async () => {
      const { body } = await connection.request<{ gitVersion?: string }>({
        requestClass: 'probe',
        method: 'GET',
        path: '/version',
      });
      return `Kubernetes ${body.gitVersion ?? 'of unknown version'}.`;
    },
    permissions: async () => {
      const missing = await missingAccess(connection, { installTasks: options.installTasks !== false, timeoutMs });
      if (missing.length === 0) return 'Every permission that builds need is granted.';
      throw failure(
        'NotAllowed',
        'ClusterForbidden',
        `The identity lacks: ${missing.join(', ')}. Grant it the rules of deploy/.`,
      );
    },
  };
  try {
    return await run(work, clock);
  } finally {
    await connection.close();
  }
}

async function run(
  work: Readonly<Record<ConnectionStepName, () => Promise<string>>>,
  clock: Clock,
): Promise<ConnectionStep[]> {
  const steps: ConnectionStep[] = [];
  let blocked = false;
  for (const name of CONNECTION_STEPS) {
    if (blocked) {
      steps.push({ name, status: 'skipped', message: 'An earlier step failed.', duration_ms: 0 });
      continue;
    }
    const startedMs = clock.monotonicMs();
    const step = await work[name]().then(
      (message) => ({ status: 'passed' as const, message }),
      (error: unknown) => {
        const known = isDomainError(error) ? error : toDomainError(error, { sent: false });
        return { status: 'failed' as const, reason: known.reason, message: known.message };
      },
    );
    steps.push({ name, ...step, duration_ms: Math.round(clock.monotonicMs() - startedMs) });
    blocked = step.status === 'failed' && name !== 'version';
  }
  return steps;
}

async function reachTcp(address: string, port: number, timeoutMs: number): Promise<string> {
  const socket = connectTcp({ host: address, port });
  await opened(socket, 'connect', timeoutMs);
  return `${address} port ${port} takes connections.`;
}

async function reachTls(
  access: ClusterAccess,
  target: { readonly host: string; readonly port: number; readonly addresses: readonly string[] },
  options: { readonly timeoutMs: number; readonly fileRules: CredentialFileRules; readonly clock: Clock },
): Promise<string> {
  if (access.proxy !== undefined) return 'TLS is spoken through the proxy, with the next step.';
  if (access.server.startsWith('http:')) return 'Plain http is used, as the operator allows for this host.';
  const ca =
    access.ca === undefined
      ? undefined
      : await new CredentialReader(access.ca, options.fileRules, options.clock).read();
  const named = access.tlsServerName ?? target.host;
  const isAddress = /^[0-9.]+$/.test(named) || named.includes(':');
  const socket = connectTls({
    host: target.addresses[0] ?? target.host,
    port: target.port,
    ...(ca === undefined ? {} : { ca }),
    ...(isAddress ? {} : { servername: named }),
  });
  await opened(socket, 'secureConnect', options.timeoutMs);
  return 'The server’s certificate is trusted and carries the expected name.';
}

/** Resolves when the socket stands, and closes it in any case. */
function opened(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('timed out'), { code: 'UND_ERR_CONNECT_TIMEOUT' })),
      timeoutMs,
    );
    socket.once('error', reject);
    socket.once(event, () => {
      resolve();
      socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    });
  });
}

async function authenticate(connection: ClusterConnection): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  try {
    const review = await connection.request<{ status?: { userInfo?: { username?: string } } }>({
      requestClass: 'probe',
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body,
    });
    const user = review.body.status?.userInfo?.username ?? '';
    if (user === 'system:anonymous') {
      throw failure(
        'Unauthenticated',
        'ClusterUnauthorized',
        'The server takes us for anonymous: the credential is not accepted.',
      );
    }
    return `The server knows us as ${user}.`;
  } catch (error) {
    // Older than Kubernetes 1.28, or not allowed to review itself: the discovery document needs an accepted identity, too.
    const unsupported =
      isDomainError(error) && (error.reason === 'ObjectNotFound' || error.reason === 'ClusterForbidden');
    if (!unsupported) throw error;
    await connection.request({ requestClass: 'probe', method: 'GET', path: '/api' });
    return 'The credential is accepted.';
  }
}

function failure(kind: 'NotAllowed' | 'Unauthenticated', reason: Reason, message: string): DomainError {
  return new DomainError({ kind, reason, message, fault: 'cluster' });
}
