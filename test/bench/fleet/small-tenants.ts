import { CHANNELS, Notifier, PostgresBuildSubmissions } from '@image-factory/persistence';
import { paced } from '../measure/closed-loop.ts';
import { imagelessBuild } from '../queue/build-life.ts';
import { jainIndex } from '../queue/fairness.ts';
import { toResult, type BenchmarkResult } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation } from './installation.ts';

const SMALL = 20;
const SLOTS = 40;
const RUN_MS = 1_000;
/** A quarter of what the slots allow: alone, no small tenant ever has to wait for a slot. */
const SMALL_PER_SECOND = 10;

interface Waits {
  readonly waits: number[];
  readonly jain: number;
}

/** Twenty tenants submit now and then: how long their builds wait, alone and beside one with 10,000 queued. */
export async function measureSmallTenants(bench: FleetBench): Promise<BenchmarkResult[]> {
  const alone = await waitsOfSmall(bench, 0);
  const beside = await waitsOfSmall(bench, bench.quick ? 2_000 : 10_000);
  return [
    toResult({
      id: 'small-wait',
      title: `submission → claim of ${SMALL} small tenants beside one with ${bench.quick ? '2,000' : '10,000'} queued, ${SLOTS} slots of ${RUN_MS} ms, p95 of ${beside.waits.length}, ms`,
      samples: beside.waits,
      q: 0.95,
      control: { name: 'alone', samples: alone.waits },
      target: { text: 'p95 at most 2 ×', met: (_value, ratio) => ratio !== null && ratio <= 2 },
    }),
    toResult({
      id: 'small-jain',
      title: 'Jain index of the small tenants’ mean waits × 1,000',
      samples: [beside.jain * 1_000],
      q: 0.5,
      control: { name: 'equal', samples: [1_000] },
      target: { text: 'at least 0.95 ×', met: (_value, ratio) => ratio !== null && ratio >= 0.95 },
    }),
  ];
}

async function waitsOfSmall(bench: FleetBench, backlogOfBig: number): Promise<Waits> {
  const clusters = await Clusters.start({ count: 2, runMs: RUN_MS });
  const installation = await Installation.open(bench.serverUrl, `fleet_small_${backlogOfBig}`);
  const { world } = installation;
  const notifier = new Notifier(world.database);
  try {
    const [big] = await world.tenants(1, { maxRunning: 1_000 });
    if (backlogOfBig > 0) await world.fill([big ?? ''], { perTenant: backlogOfBig, method: 'packer' });
    const small = await world.tenants(SMALL, { maxRunning: 1_000 });
    const projects = await world.rows<{ tenant_id: string; id: string }>(
      'SELECT tenant_id, id FROM projects WHERE tenant_id = ANY ($1::uuid[])',
      [small],
    );
    await world.rows('VACUUM ANALYZE');
    await installation.addClusters(clusters.configs);
    await installation.startDispatchers(1, { IF_DISPATCHER_SLOTS: String(SLOTS), IF_HEALTH_INTERVAL_MS: '2000' });
    const submissions = new PostgresBuildSubmissions(world.queue);
    const submit = async (index: number): Promise<void> => {
      const project = projects[index % projects.length];
      if (project === undefined) throw new Error('no project');
      const build = {
        ...imagelessBuild(project.tenant_id, project.id),
        buildMethod: 'packer',
        config: { packer_template: 'template.pkr.hcl' },
      } as const;
      await world.database.transaction((tx) => submissions.insert(tx, build));
      notifier.touch(CHANNELS.queue, project.tenant_id);
    };
    // Namespaces and shards are there before the clock runs.
    for (let index = 0; index < SMALL; index += 1) await submit(index);
    const completed = `SELECT count(*) AS n FROM builds WHERE finished_at IS NOT NULL AND tenant_id <> '${big}'`;
    await installation.reaches('the warm-up builds to end', completed, SMALL, 120_000);
    const since = new Date();
    const forMs = bench.quick ? 6_000 : 30_000;
    await paced(SMALL_PER_SECOND, forMs, submit);
    await installation.reaches(
      'the small builds to end',
      completed,
      SMALL + (SMALL_PER_SECOND * forMs) / 1_000,
      120_000,
    );
    const rows = await world.rows<{ tenant_id: string; ms: number }>(
      `SELECT b.tenant_id, extract(epoch FROM min(v.occurred_at) - b.created_at)::float8 * 1000 AS ms
         FROM builds b JOIN build_events v ON v.build_id = b.id AND v.subject = 'build' AND v.to_state = 'running'
        WHERE b.tenant_id = ANY ($1::uuid[]) AND b.created_at >= $2 GROUP BY b.id, b.tenant_id, b.created_at`,
      [small, since],
    );
    const means = small.map((id) => {
      const own = rows.filter((row) => row.tenant_id === id).map((row) => row.ms);
      return own.reduce((sum, ms) => sum + ms, 0) / own.length;
    });
    return { waits: rows.map((row) => row.ms), jain: jainIndex(means) };
  } finally {
    await notifier.close();
    await installation.close();
    clusters.stop();
  }
}
