import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Platform, type TenantFixture } from './support/platform.ts';
import { until } from './support/rest-client.ts';

/** Dispatchers die by SIGKILL; another one finishes what they began, and no run is made twice. */
describe('a dispatcher killed', () => {
  let platform: Platform;
  let tenant: TenantFixture;

  beforeAll(async () => {
    platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'takeover' });
    tenant = await platform.tenant('takeover');
  });
  afterAll(async () => platform.stop());

  it.each([
    ['after the claim', ['placing', 'creating', 'starting', 'running']],
    ['after the create', ['starting', 'running']],
    ['while following', ['running']],
  ] as const)('%s is replaced, with one run and a whole log', async (moment, states) => {
    const { id } = await tenant.client.submit({
      project_id: tenant.projectId,
      build_method: 'kaniko',
      tags: ['takeover'],
    });
    await until(`the execution to be ${moment}`, 60_000, async () => {
      const rows = await platform.sql<{ state: string }>('SELECT state FROM build_executions WHERE build_id = $1', [
        id,
      ]);
      return rows.some((row) => (states as readonly string[]).includes(row.state)) ? true : undefined;
    });
    const victim = (await platform.ownerOf(id)) ?? 0;
    await platform.killDispatcher(victim);
    const build = await tenant.client.ended(id);
    expect(build).toMatchObject({ status: 'completed', attempt: 1 });
    const names = await platform.sql<{ pipeline_run_name: string; pipeline_run_uid: string }>(
      `SELECT pipeline_run_name, pipeline_run_uid FROM build_executions WHERE build_id = $1 AND state <> 'released'`,
      [id],
    );
    expect(names).toHaveLength(1);
    expect(await platform.cluster.registryDigest(tenant.repository, 'takeover')).toBe(build.image?.digest);
    const clone = await tenant.client.log(id, '?step=clone/clone');
    expect(clone).toMatch(/^Fetching .*\n(?:.*\n)*Checked out [0-9a-f]{40}\n$/);
    const gaps = await platform.sql<{ gaps: string }>(
      'SELECT sum(gaps)::text AS gaps FROM build_log_cursors JOIN build_executions ON id = execution_id WHERE build_id = $1',
      [id],
    );
    expect(gaps[0]?.gaps).toBe('0');
    await platform.startDispatcher(victim);
  });

  it('does not disturb a log stream that resumes over a restarted API', async () => {
    const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko' });
    const first = await readStream(id, undefined, (text) => text.includes('Created PipelineRun'));
    await platform.killApi();
    await platform.startApi();
    const rest = await readStream(id, first.lastEventId, () => false);
    expect(await tenant.client.ended(id)).toMatchObject({ status: 'completed' });
    expect(first.text + rest.text).toBe(await tenant.client.log(id));
    expect(rest.ended).toBe(true);
  });

  interface Streamed {
    readonly text: string;
    readonly lastEventId: string | undefined;
    readonly ended: boolean;
  }

  /** Reads the SSE stream of a log until it ends or `enough` says so. */
  async function readStream(
    id: string,
    from: string | undefined,
    enough: (text: string) => boolean,
  ): Promise<Streamed> {
    const answer = await fetch(tenant.client.url(`/builds/${id}/logs/stream`), {
      headers: { ...tenant.client.headers(), ...(from === undefined ? {} : { 'last-event-id': from }) },
    });
    let buffer = '';
    let text = '';
    let lastEventId = from;
    const decoder = new TextDecoder();
    for await (const bytes of answer.body ?? []) {
      buffer += decoder.decode(bytes as Uint8Array, { stream: true });
      let end = buffer.indexOf('\n\n');
      while (end >= 0) {
        const fields = new Map(
          buffer
            .slice(0, end)
            .split('\n')
            .map((line) => [line.split(':', 1)[0] ?? '', line.slice(line.indexOf(':') + 1).trimStart()]),
        );
        buffer = buffer.slice(end + 2);
        end = buffer.indexOf('\n\n');
        if (fields.get('event') === 'end') return { text, lastEventId, ended: true };
        lastEventId = fields.get('id') ?? lastEventId;
        const data = fields.get('data');
        if (data !== undefined) text += (JSON.parse(data) as { text: string }).text + '\n';
        if (enough(text)) {
          return { text, lastEventId, ended: false };
        }
      }
    }
    return { text, lastEventId, ended: false };
  }
});
