import { Failure } from '../start/failure.ts';
import { Refused, type Rest } from './rest.ts';
import { say } from './say.ts';

interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly message: string | null;
  readonly fix: string | null;
}

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
