import { startTelemetry, type Telemetry } from '@image-factory/telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_KEY, ApiHarness } from './api-support.ts';

describe('the trace of a submission', () => {
  let telemetry: Telemetry;
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;

  beforeAll(async () => {
    telemetry = await startTelemetry({ service: 'image-factory-test', version: '0.0.0' });
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(async () => {
    await harness.stop();
    await telemetry.shutdown();
  });

  /** Over a real socket: a body that comes in pieces is read outside of the context that began the request. */
  async function submit(): Promise<string> {
    const body = JSON.stringify({ project_id: projectId, build_method: 'kaniko' });
    const answer = await fetch(`${harness.api.url}/api/v1/builds`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        'x-tenant-id': tenantId,
        'content-type': 'application/json',
      },
      body: new Blob([body]).stream(),
      duplex: 'half',
    });
    expect(answer.status).toBe(201);
    return ((await answer.json()) as { id: string }).id;
  }

  it('is stored with the build, so that its attempt goes on in it, and each request has its own', async () => {
    const ids = await Promise.all([submit(), submit(), submit()]);
    const { rows } = await harness.sql.query<{ traceparent: string | null }>(
      'SELECT traceparent FROM builds WHERE id = ANY ($1)',
      [ids],
    );
    const stored = rows.map((row) => row.traceparent);
    expect(stored).toEqual(ids.map(() => expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)));
    expect(new Set(stored.map((traceparent) => traceparent!.slice(3, 35))).size).toBe(ids.length);
  });
});
