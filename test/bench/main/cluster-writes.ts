import { Platform, type TenantFixture } from '../../e2e/support/platform.ts';
import { until } from '../../e2e/support/rest-client.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { CountingProxy, type CountedRequest, writeOf } from '../../e2e/support/counting-proxy.ts';
import { replaceProvider } from '../../e2e/support/replace-provider.ts';

/**
 * Requests of the dispatcher that change the cluster, per build, counted on the wire between the two: from submission
 * until the build's run and Secret are gone. The namespace is warm: one build went before.
 */
export async function measureClusterWrites(postgresUrl: string, builds: number): Promise<MeasuredResult[]> {
  const platform = await Platform.start({ postgresUrl, name: 'bench-writes', dispatchers: 0 });
  const proxy = await CountingProxy.start(platform.cluster);
  try {
    await replaceProvider(platform, {
      auth_method: 'token',
      endpoint: proxy.url,
      ca_cert: proxy.ca,
      token: await platform.cluster.shippedToken(),
      tekton_task_images: platform.cluster.taskImages,
      insecure_registries: [platform.cluster.registry.host],
    });
    await platform.startDispatcher(0);
    const tenant = await platform.tenant('writes');
    await buildAndSweep(platform, tenant);
    const samples: number[] = [];
    const seen: CountedRequest[] = [];
    for (let index = 0; index < builds; index += 1) {
      proxy.writes.length = 0;
      await buildAndSweep(platform, tenant);
      samples.push(proxy.writes.length);
      seen.push(...proxy.writes);
    }
    process.stderr.write(`${summary(seen)}\n`);
    return [
      toResult({
        id: 'cluster-writes',
        title: `cluster writes per build, warm namespace, most of ${builds} (${summary(seen)})`,
        samples,
        q: 1,
        target: { text: 'at most 4', met: (value) => value <= 4 },
      }),
    ];
  } finally {
    await platform.stop();
    await proxy.close();
  }
}

async function buildAndSweep(platform: Platform, tenant: TenantFixture): Promise<void> {
  const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko', tags: ['writes'] });
  const build = await tenant.client.ended(id);
  if (build.status !== 'completed') throw new Error(`build ${id} ended as ${build.status}: ${build.message ?? ''}`);
  await until(`the run of build ${id} to be swept`, 60_000, async () => {
    const rows = await platform.sql('SELECT 1 FROM build_executions WHERE build_id = $1 AND swept_at IS NOT NULL', [
      id,
    ]);
    return rows.length > 0 ? true : undefined;
  });
}

/** `3 POST secrets, 3 DELETE secrets`: what was written. */
function summary(requests: readonly CountedRequest[]): string {
  const counts = new Map<string, number>();
  for (const key of requests.map(writeOf)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].map(([key, count]) => `${count} ${key}`).join(', ');
}
