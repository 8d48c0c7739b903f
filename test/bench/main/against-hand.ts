import { randomBytes } from 'node:crypto';
import type { Platform, TenantFixture } from '../../e2e/support/platform.ts';
import { until } from '../../e2e/support/rest-client.ts';
import { toResult, type MeasuredResult } from '../report.ts';

interface PipelineRunDocument {
  metadata: { name: string; namespace: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: { workspaces: { name: string; secret?: { secretName: string } }[] };
}

/**
 * Submit → `completed` beside the same PipelineRun made by hand (create → Succeeded) in the same namespace, in
 * alternating rounds. The product's time includes the queue, the log's seal and the promotion of tags.
 */
export async function measureAgainstHand(
  platform: Platform,
  tenant: TenantFixture,
  options: { readonly rounds: number; readonly atOnce: number },
): Promise<MeasuredResult> {
  const template = await anyDocument(platform, tenant);
  // Asking for 20 builds five times a second would take its part of two cores from what is measured.
  const everyMs = options.atOnce > 1 ? 1_000 : 200;
  const ours: number[] = [];
  const control: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    ours.push(await timed(() => Promise.all(times(options.atOnce, () => buildOnce(tenant, everyMs)))));
    control.push(
      await timed(() => Promise.all(times(options.atOnce, () => runByHand(platform, tenant, template, everyMs)))),
    );
  }
  const many = options.atOnce > 1;
  return toResult({
    id: many ? `main-${options.atOnce}` : 'main-1',
    title: many
      ? `${options.atOnce} builds at once, submit → all completed, median of ${options.rounds}`
      : `one build alone, submit → completed, median of ${options.rounds}`,
    samples: ours,
    q: 0.5,
    control: { name: 'same PipelineRun by hand', samples: control },
    target: { text: 'at most 1.1 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.1 },
  });
}

/** The stored document of a finished build, which warms the namespace besides. */
async function anyDocument(platform: Platform, tenant: TenantFixture): Promise<PipelineRunDocument> {
  const id = await buildOnce(tenant);
  const rows = await platform.sql<{ document: string }>(
    `SELECT document FROM build_executions WHERE build_id = $1 AND state = 'succeeded'`,
    [id],
  );
  return JSON.parse(rows[0]?.document ?? '{}') as PipelineRunDocument;
}

/** Submits one build and waits until it is completed. */
export async function buildOnce(tenant: TenantFixture, everyMs = 200): Promise<string> {
  const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko', tags: ['bench'] });
  const build = await tenant.client.ended(id, 600_000, everyMs);
  if (build.status !== 'completed') throw new Error(`build ${id} ended as ${build.status}: ${build.message ?? ''}`);
  return id;
}

async function runByHand(
  platform: Platform,
  tenant: TenantFixture,
  template: PipelineRunDocument,
  everyMs: number,
): Promise<void> {
  const document = structuredClone(template);
  const name = `hand-${randomBytes(6).toString('hex')}`;
  const namespace = document.metadata.namespace;
  document.metadata = { name, namespace };
  const registry = platform.cluster.registry;
  const auth = Buffer.from(`${registry.username}:${registry.password}`).toString('base64');
  for (const workspace of document.spec.workspaces) {
    if (workspace.secret !== undefined) workspace.secret = { secretName: name };
  }
  await create(platform, `/api/v1/namespaces/${namespace}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: { 'config.json': JSON.stringify({ auths: { [registry.host]: { auth } } }) },
  });
  const runs = `/apis/tekton.dev/v1/namespaces/${namespace}/pipelineruns`;
  await create(platform, runs, document);
  const succeeded = async (): Promise<true | undefined> => {
    const answer = await platform.cluster.kube('GET', `${runs}/${name}`);
    const conditions = (answer.body['status'] as { conditions?: { status: string; reason: string }[] } | undefined)
      ?.conditions;
    if (conditions?.[0]?.status === 'False') throw new Error(conditions[0].reason);
    return conditions?.[0]?.status === 'True' ? true : undefined;
  };
  await until(`run ${name} by hand (tenant ${tenant.id}) to succeed`, 600_000, succeeded, everyMs);
  await platform.cluster.kube('DELETE', `${runs}/${name}`);
  await platform.cluster.kube('DELETE', `/api/v1/namespaces/${namespace}/secrets/${name}`);
}

async function create(platform: Platform, path: string, body: unknown): Promise<void> {
  const answer = await platform.cluster.kube('POST', path, body);
  if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
