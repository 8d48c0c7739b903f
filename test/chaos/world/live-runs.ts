import { keyOf, projectOf, tenantOf } from '../load/build-plan.ts';
import { INSTALLATION_RUNS, PROJECTS } from '../load/limits.ts';
import type { RunFacts } from './cluster-facts.ts';

/**
 * What runs on all clusters together, as they know it themselves: each time that a run is made, it is its attempt's first
 * and no container of an earlier attempt lives; each time that one begins to live, it is alone of its build and of its concurrency key, and no limit of a
 * tenant, a project or the installation is exceeded.
 */
export class LiveRuns {
  readonly violations: string[] = [];
  /** What had as many runs at once as it may, of more than one: a limit that nothing came near shows nothing. */
  readonly reached = new Set<string>();
  readonly #live = new Set<RunFacts>();
  /** The run of each attempt that could start. A create that is repeated is refused where it stands: that makes none. */
  readonly #made = new Map<string, RunFacts>();

  /** A run is made that can start. */
  created(run: RunFacts): void {
    const attempt = `${run.buildId}/${run.attempt}`;
    const before = this.#made.get(attempt);
    if (before === undefined) this.#made.set(attempt, run);
    else this.violations.push(`twice: ${madeOn(run)}, of attempt ${attempt}, for which there was ${madeOn(before)}`);
    for (const { name } of [...this.#live].filter(({ buildId }) => buildId === run.buildId)) {
      this.violations.push(`pods: run ${name} still lives when ${run.name} of the same build is made`);
    }
  }

  started(run: RunFacts): void {
    this.#live.add(run);
    this.#check(`build ${run.buildId}`, (one) => one.buildId === run.buildId, 1);
    this.#check('the installation', () => true, INSTALLATION_RUNS);
    const { plan } = run;
    if (plan === undefined) return;
    const tenant = tenantOf(plan);
    const project = projectOf(plan);
    const key = keyOf(plan);
    this.#check(
      `tenant ${tenant.name}`,
      (one) => one.plan !== undefined && tenantOf(one.plan) === tenant,
      tenant.maxRuns,
    );
    const most = PROJECTS[plan.project];
    if (most !== undefined) {
      this.#check(`project ${project}`, (one) => one.plan !== undefined && projectOf(one.plan) === project, most);
    }
    if (key !== undefined) {
      this.#check(`key ${key}`, (one) => one.plan !== undefined && keyOf(one.plan) === key, 1);
    }
  }

  ended(run: RunFacts): void {
    this.#live.delete(run);
  }

  #check(what: string, belongs: (run: RunFacts) => boolean, most: number): void {
    const found = [...this.#live].filter(belongs);
    if (found.length >= most && most > 1) this.reached.add(what);
    if (found.length <= most) return;
    this.violations.push(
      `limit: ${what} has ${found.length} runs of ${most}: ${found.map(({ name }) => name).join(', ')}`,
    );
  }
}

function madeOn({ name, cluster }: RunFacts): string {
  return `run ${name} on ${cluster}`;
}
