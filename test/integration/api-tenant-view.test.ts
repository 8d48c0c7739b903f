import { randomUUID } from 'node:crypto';
import { API_BASE, ROUTES } from '@image-factory/api';
import { type Reason, REASONS, tenantText } from '@image-factory/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlacedAttempt } from './api-execution-support.ts';
import { ADMIN_KEY, type Answer, ApiHarness } from './api-support.ts';

/** What providers, clusters and clouds say of themselves, marked; no time of day reads like one of the figures. */
const CANARIES = [
  'arn:aws:iam::443322110099:role/c4n4ry-role',
  'c4n4ry-host.internal.example:6443',
  'projects/c4n4ry-project-7788',
  'runs 731 of at most 997 builds',
] as const;
const TOLD = CANARIES.join(' and ');
const MARKS = ['c4n4ry', '443322110099', 'runs 731', '0.73173', '0.99799'];
/** Reasons whose messages are made of a provider, as opposed to those that are made of the build itself. */
const FOREIGN = REASONS.filter((reason) => tenantText(reason, TOLD) !== TOLD);

const READERS = ['viewer', 'developer', 'tenant-admin'] as const;

describe('what a tenant reads', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;
  let shared: string;
  let foreign: string;
  const keys = new Map<string, string>();
  /** One build for each reason: parked with it, and ended with it. */
  const builds: { readonly reason: Reason; readonly parked: string; readonly ended: string }[] = [];

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant({ max_queued_builds: 1_000 });
    projectId = await harness.createProject(tenantId);
    for (const role of READERS) keys.set(role, await harness.createKey(role, tenantId));
    shared = await provider(`shared`, true);
    foreign = await provider(`not-granted-c4n4ry`, false);
    for (const reason of FOREIGN) builds.push({ reason, parked: await parked(reason), ended: await ended(reason) });
  });
  afterAll(() => harness.stop());

  async function provider(name: string, isGlobal: boolean): Promise<string> {
    const id = randomUUID();
    await harness.sql.query(
      `INSERT INTO providers (id, name, provider_type, is_global, state, health, tekton_answers, running,
         max_concurrent_builds, settings)
       VALUES ($1, $2, 'kubernetes', $3, 'enabled', 'healthy', true, 731, 731, $4)`,
      [id, name, isGlobal, JSON.stringify({ auth_method: 'token', endpoint: `https://${CANARIES[1]}` })],
    );
    await harness.sql.query(
      `INSERT INTO provider_conditions (provider_id, type, status, reason, message, last_transition_at)
       VALUES ($1, 'Reachable', 'False', 'ClusterUnreachable', $2, now())`,
      [id, TOLD],
    );
    return id;
  }

  const submit = async (): Promise<string> => {
    const { body } = await harness.submit(tenantId, projectId, {});
    return body.id as string;
  };

  async function parked(reason: Reason): Promise<string> {
    const id = await submit();
    await harness.sql.query(
      `UPDATE builds SET queue_key = NULL, parked = $2, parked_message = $3, parked_wake_on = 'provider:any' WHERE id = $1`,
      [id, reason, TOLD],
    );
    await event(id, undefined, 'waiting', reason);
    return id;
  }

  /** An attempt that waits, ends and is decided about, every text of it the provider's. */
  async function ended(reason: Reason): Promise<string> {
    const id = await submit();
    const attempt = await PlacedAttempt.place(harness, id);
    await attempt.finish('failed');
    await attempt.close();
    const condition = { type: 'Succeeded', status: 'False', reason: 'Failed', message: TOLD };
    const document = {
      kind: 'PipelineRun',
      spec: { taskRunTemplate: { podTemplate: { affinity: { avoided: CANARIES[1] } } } },
      status: { host: CANARIES[1], conditions: [condition], reason, message: TOLD },
      reason,
      message: TOLD,
    };
    await harness.sql.query(
      `UPDATE build_executions SET reason = $2, message = $3, waiting_reason = $2, waiting_message = $3, node_name = $4,
         namespace = $4, final_document = $5 WHERE id = $1`,
      [attempt.executionId, reason, TOLD, CANARIES[1], JSON.stringify(document)],
    );
    await harness.sql.query('UPDATE builds SET reason = $2, message = $3 WHERE id = $1', [id, reason, TOLD]);
    await event(id, attempt.executionId, 'execution', reason);
    const scored = { providerId: shared, name: 'shared', basis: 'is_global', score: 0.73173, overShare: true };
    const candidate = { ...scored, parts: { headroom: 0.99799, reliability: 0.73173, start: 0.99799, warmth: 1 } };
    const rejected = [
      { providerId: shared, name: 'shared', reason, message: TOLD },
      { providerId: foreign, name: 'not-granted-c4n4ry', reason: 'ProviderNotGranted', message: 'is not granted' },
    ];
    await harness.sql.query(
      'INSERT INTO placement_decisions (execution_id, build_id, attempt, decision) VALUES ($1, $2, 1, $3)',
      [attempt.executionId, id, JSON.stringify({ chosen: candidate, candidates: [candidate], rejected, more: [] })],
    );
    return id;
  }

  async function event(
    buildId: string,
    executionId: string | undefined,
    subject: string,
    reason: Reason,
  ): Promise<void> {
    await harness.sql.query(
      `INSERT INTO build_events (build_id, tenant_id, execution_id, attempt, subject, to_state, reason, message, actor)
       VALUES ($1, $2, $3, 1, $4, 'x', $5, $6, 'system')`,
      [buildId, tenantId, executionId ?? null, subject, reason, TOLD],
    );
  }

  /** Every tenant route that reads, with the ids of a build put in. */
  function readsOf(buildId: string): string[] {
    return ROUTES.filter(({ method, scope }) => method === 'GET' && scope === 'tenant')
      .map(({ path }) => path.replace(':id', path.includes('/projects/') ? projectId : buildId))
      .flatMap((path) => (path.endsWith('/logs') ? [path, `${path}?attempt=all`] : [path]));
  }

  const read = (path: string, key: string): Promise<Answer> => harness.call('GET', path, { tenantId, key });
  const marksIn = (answer: Answer): string[] => MARKS.filter((mark) => answer.text.includes(mark));

  it.each(READERS)('as a %s says nothing of hosts, accounts and the load of others, on any route', async (role) => {
    const found: string[] = [];
    for (const { parked: waiting, ended: over, reason } of builds) {
      for (const path of [...readsOf(waiting), ...readsOf(over)]) {
        // A stream of a build that waits does not end; the one of its timeline is read below as a list.
        if (path.endsWith('/stream') && path.includes(waiting)) continue;
        const answer = await read(path, keys.get(role)!);
        for (const mark of marksIn(answer)) found.push(`${reason} ${path} ${mark}`);
      }
    }
    expect(found).toEqual([]);
  });

  it('is shown whole to an administrator', async () => {
    const { parked: waiting, ended: over } = builds.find(({ reason }) => reason === 'CloudAccessDenied')!;
    const whole = [
      `${API_BASE}/builds/${waiting}`,
      `${API_BASE}/builds/${waiting}/events`,
      `${API_BASE}/builds/${over}`,
      `${API_BASE}/builds/${over}/executions`,
      `${API_BASE}/builds/${over}/placement`,
      `${API_BASE}/builds/${over}/pipeline-run`,
      `${API_BASE}/builds/${over}/events/stream`,
    ];
    for (const path of whole) expect((await read(path, ADMIN_KEY)).text, path).toContain(CANARIES[0]);
    const placement = await read(`${API_BASE}/builds/${over}/placement`, ADMIN_KEY);
    expect(marksIn(placement)).toEqual(MARKS);
  });

  it('names the reason all the same', async () => {
    for (const { parked: waiting, ended: over, reason } of builds) {
      const key = keys.get('viewer')!;
      const [queued, failed] = [
        await read(`${API_BASE}/builds/${waiting}`, key),
        await read(`${API_BASE}/builds/${over}`, key),
      ];
      expect(queued.body).toMatchObject({ reason, message: tenantText(reason, '') });
      expect(failed.body).toMatchObject({ reason, execution: { reason, node: null, namespace: null } });
    }
  });

  it('of a validation names its own providers with the reason and no figures', async () => {
    const body = { project_id: projectId, build_method: 'kaniko' };
    const answer = await harness.call('POST', `${API_BASE}/builds/validate`, {
      tenantId,
      key: keys.get('developer')!,
      body,
    });
    expect(answer.body.placement.rejected).toEqual([
      { provider_id: shared, name: 'shared', reason: 'ProviderAtLimit', message: 'runs as many builds as it may' },
    ]);
    expect(marksIn(answer)).toEqual([]);
    const simulated = await harness.call('POST', `${API_BASE}/admin/placements/simulate`, {
      body: { tenant_id: tenantId, build_method: 'kaniko' },
    });
    expect(simulated.body.rejected.map(({ message }: { message: string }) => message)).toContain(
      'runs 731 of at most 731 builds',
    );
  });

  it('is the same of a provider that is not granted and of none at all', async () => {
    const key = keys.get('developer')!;
    const answers = await Promise.all(
      [foreign, randomUUID()].flatMap((id) =>
        ['/builds', '/builds/validate'].map(async (path) => {
          const body = { project_id: projectId, build_method: 'kaniko', infrastructure_provider_id: id };
          const { status, body: said } = await harness.call('POST', API_BASE + path, { tenantId, key, body });
          return { path, status, code: said.code, errors: said.errors, detail: said.detail };
        }),
      ),
    );
    expect(answers.slice(0, 2)).toEqual(answers.slice(2));
    expect(answers[0]).toMatchObject({ errors: [{ path: 'infrastructure_provider_id' }] });
  });
});
