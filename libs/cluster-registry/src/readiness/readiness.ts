import {
  type ClusterConnection,
  type ClusterConnectionProvider,
  missingAccess,
} from '@image-factory/cluster-connectors';
import { type Clock, isDomainError, type Provider } from '@image-factory/domain';
import { CLUSTER_CHECKS, type ClusterCheck, type Finding } from './cluster-checks.js';

/** One readiness check, as the API and the quickstart show it. */
export interface ReadinessCheck {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly reason: string;
  readonly message: string;
  /** What to do; empty when nothing is to be done. */
  readonly fix: string;
  readonly duration_ms: number;
}

export interface Readiness {
  /** No check failed. */
  readonly ready: boolean;
  readonly checks: readonly ReadinessCheck[];
  /** Names of failed checks in the order in which to fix them. */
  readonly missing_prereqs: readonly string[];
}

export interface ReadinessOptions {
  readonly provider: Provider;
  readonly connections: ClusterConnectionProvider;
  readonly clock: Clock;
  /** Limit of each request. Default 10 000. */
  readonly timeoutMs?: number;
  /** Asks for permissions in this namespace; else in all. */
  readonly namespace?: string;
}

/** Checks whether builds can run on a provider, in the order in which to fix what is missing. Never throws. */
export async function checkReadiness(options: ReadinessOptions): Promise<Readiness> {
  const { provider, clock } = options;
  if (provider.type === 'local') {
    const reason = 'LocalHost';
    return summary([
      {
        name: 'provider_config',
        status: 'ok',
        reason,
        message: 'Builds run on the dispatcher’s host.',
        fix: '',
        duration_ms: 0,
      },
    ]);
  }
  const checks: ReadinessCheck[] = [tektonEnabled(provider)];
  const startedMs = clock.monotonicMs();
  try {
    await options.connections.withConnection(provider.id, async (connection) => {
      const message = 'The provider’s config and credential make a connection.';
      checks.push({
        ...ok('ConnectionMade', message),
        name: 'provider_kubeconfig',
        duration_ms: elapsed(clock, startedMs),
      });
      await checkCluster(connection, options, checks);
    });
  } catch (error) {
    const known = isDomainError(error) ? error : undefined;
    checks.push({
      name: 'provider_kubeconfig',
      status: 'failed',
      reason: known?.reason ?? 'Internal',
      message: known?.message ?? 'The connection could not be made.',
      fix: 'Correct the provider’s config or credential (PATCH the provider), then test the connection.',
      duration_ms: elapsed(clock, startedMs),
    });
    for (const check of CLUSTER_CHECKS) checks.push(skipped(check.name));
  }
  return summary(checks);
}

async function checkCluster(
  connection: ClusterConnection,
  options: ReadinessOptions,
  checks: ReadinessCheck[],
): Promise<void> {
  const { provider, clock, namespace } = options;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const missing = (): Promise<string[]> =>
    missingAccess(connection, {
      installTasks: provider.settings.installTasks !== false,
      timeoutMs,
      ...(namespace === undefined ? {} : { namespace }),
    });
  for (const check of CLUSTER_CHECKS) {
    const needed = checks.find((one) => one.name === check.needs);
    if (needed?.status === 'failed' || needed?.status === 'skipped') {
      checks.push(skipped(check.name));
      continue;
    }
    const startedMs = clock.monotonicMs();
    const finding = await check
      .run({ connection, provider, timeoutMs, missing, elapsedMs: () => elapsed(clock, startedMs) })
      .catch((error: unknown) => failed(check, error));
    checks.push({ ...finding, name: check.name, duration_ms: elapsed(clock, startedMs) });
  }
}

function tektonEnabled(provider: Provider): ReadinessCheck {
  const name = 'provider_config.tekton_enabled';
  if (provider.settings.tektonEnabled !== false)
    return { ...ok('TektonEnabled', 'Tekton is enabled for this provider.'), name, duration_ms: 0 };
  const fix = 'Set tekton_enabled to true in the provider’s config.';
  return { name, status: 'failed', reason: 'TektonDisabled', message: 'tekton_enabled is false.', fix, duration_ms: 0 };
}

function ok(reason: string, message: string): Finding {
  return { status: 'ok', reason, message, fix: '' };
}

function failed(check: ClusterCheck, error: unknown): Finding {
  const known = isDomainError(error) ? error : undefined;
  return {
    status: 'failed',
    reason: known?.reason ?? 'Internal',
    message: known?.message ?? 'The check failed in an unexpected way.',
    fix: check.fix,
  };
}

function skipped(name: string): ReadinessCheck {
  return {
    name,
    status: 'skipped',
    reason: 'EarlierCheckFailed',
    message: 'An earlier check failed.',
    fix: '',
    duration_ms: 0,
  };
}

function summary(checks: readonly ReadinessCheck[]): Readiness {
  const missing = checks.filter((check) => check.status === 'failed').map((check) => check.name);
  return { ready: missing.length === 0, checks, missing_prereqs: missing };
}

function elapsed(clock: Clock, startedMs: number): number {
  return Math.round(clock.monotonicMs() - startedMs);
}
