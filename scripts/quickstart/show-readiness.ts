import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../start/failure.ts';
import { Refused, type Rest } from './rest.ts';
import { say } from './say.ts';

interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly message: string | null;
  readonly fix: string | null;
}

const HEALTH_TIMEOUT_MS = 45_000;
const HEALTH_POLL_MS = 200;

const MARKS = { ok: '✓', warning: '!', failed: '✗', skipped: '-' } as const;

/** Shows what the cluster has and lacks. @throws Failure naming what to do when something that a build needs is missing */
export async function showReadiness(admin: Rest, providerId: string, tenantId: string): Promise<void> {
  const path = `/admin/infrastructure/providers/${providerId}/readiness?tenant_id=${tenantId}`;
  let checks: readonly Check[];
  try {
    ({ checks } = await admin.send<{ checks: readonly Check[] }>('GET', path));
  } catch (error) {
    if (error instanceof Refused && error.code === 'RouteNotFound') return;
    throw error;
  }
  for (const { status, name, message } of checks) say(`  ${MARKS[status]} ${name}${message ? `: ${message}` : ''}`);
  const failed = checks.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return;
  throw new Failure(
    `The cluster is not ready: ${failed.map(({ name }) => name).join(', ')}.`,
    failed.map(({ name, fix, message }) => `${name}: ${fix || message || 'see above'}`).join('\n'),
  );
}

/** Waits for the dispatcher's first probe of a provider: until then builds for it are parked. */
export async function untilProbed(admin: Rest, providerId: string, signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + HEALTH_TIMEOUT_MS;
  while (!signal.aborted && performance.now() < deadlineMs) {
    const path = `/admin/infrastructure/providers/${providerId}/health`;
    const { verdict } = await admin.send<{ verdict: string }>('GET', path);
    if (verdict !== 'unknown') return;
    await sleep(HEALTH_POLL_MS);
  }
}
