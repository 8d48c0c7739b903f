import type { Platform, TenantFixture } from './platform.ts';
import type { Json } from './rest-client.ts';

/** What `buildOn` returns of a build that noticed nothing. */
export const WHOLE = { status: 'completed', attempt: 1, gaps: 0 };

/**
 * A build for one provider that ends; once its first step runs, something is done to the way there. Returns the build and
 * the number of gaps in its log.
 */
export async function buildOn(
  platform: Platform,
  tenant: TenantFixture,
  providerId: string,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<Json> {
  const { id } = await tenant.client.submit({
    project_id: tenant.projectId,
    build_method: 'kaniko',
    infrastructure_provider_id: providerId,
  });
  await platform.untilRunning(id);
  await meanwhile();
  const build = await tenant.client.ended(id);
  const [counted] = await platform.sql<{ gaps: number }>(
    `SELECT coalesce(sum(gaps), 0)::integer AS gaps FROM build_log_cursors c
       JOIN build_executions e ON e.id = c.execution_id WHERE e.build_id = $1`,
    [id],
  );
  return { ...build, gaps: counted?.gaps };
}
