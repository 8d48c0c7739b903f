import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosWorld } from '../world/chaos-world.ts';

const LOOK_MS = 80;

/**
 * Limits, looked at all the time in one snapshot each: slots held per tenant, project and provider and by all
 * together against what they may have, and never two live executions of a build or of a concurrency key. (The clusters themselves check at every event, too.)
 */
export class LimitWatch {
  readonly violations = new Set<string>();
  looks = 0;
  readonly #world: ChaosWorld;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(world: ChaosWorld) {
    this.#world = world;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      for (const { what } of await this.#world.database.query<{ what: string }>(OVER_LIMIT)) this.violations.add(what);
      this.looks += 1;
      await delay(LOOK_MS);
    }
  }
}

/** What has more than it may, now. */
export const OVER_LIMIT = `
  SELECT 'tenant ' || t.name || ' holds ' || count(*) || ' slots of ' || t.max_concurrent_builds AS what
    FROM build_executions e JOIN tenants t ON t.id = e.tenant_id WHERE e.slot_held
   GROUP BY t.name, t.max_concurrent_builds HAVING count(*) > t.max_concurrent_builds
  UNION ALL
  SELECT 'provider ' || p.name || ' holds ' || count(*) || ' slots of ' || p.max_concurrent_builds
    FROM build_executions e JOIN providers p ON p.id = e.provider_id WHERE e.slot_held AND p.max_concurrent_builds > 0
   GROUP BY p.name, p.max_concurrent_builds HAVING count(*) > p.max_concurrent_builds
  UNION ALL
  SELECT 'project ' || t.name || '/' || p.name || ' holds ' || count(*) || ' slots of ' || p.max_concurrent_builds
    FROM build_executions e JOIN builds b ON b.id = e.build_id JOIN projects p ON p.id = b.project_id
    JOIN tenants t ON t.id = p.tenant_id WHERE e.slot_held AND p.max_concurrent_builds IS NOT NULL
   GROUP BY t.name, p.name, p.max_concurrent_builds HAVING count(*) > p.max_concurrent_builds
  UNION ALL
  SELECT 'the installation holds ' || count(*) || ' slots of ' || i.max_concurrent_builds
    FROM build_executions e, installation i WHERE e.slot_held
   GROUP BY i.max_concurrent_builds HAVING count(*) > i.max_concurrent_builds
  UNION ALL
  SELECT 'key ' || b.concurrency_key || ' of project ' || b.project_id || ' has ' || count(*) || ' live executions'
    FROM build_executions e JOIN builds b ON b.id = e.build_id
   WHERE e.finished_at IS NULL AND b.concurrency_key IS NOT NULL
   GROUP BY b.project_id, b.concurrency_key HAVING count(*) > 1
  UNION ALL
  SELECT 'build ' || build_id || ' has ' || count(*) || ' live executions' FROM build_executions
   WHERE finished_at IS NULL GROUP BY build_id HAVING count(*) > 1`;
