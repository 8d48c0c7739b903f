import { createHash } from 'node:crypto';
import { attemptTag, LABELS } from '@image-factory/domain';
import {
  type FakeObject,
  FakeKubeApiServer,
  type FakeTaskScript,
  FakeTektonController,
  type InMemoryImageRegistry,
} from '@image-factory/test-support';
import { type BuildPlan, lineOf } from '../load/build-plan.ts';
import { ClusterFacts, isRunning, type RunFacts } from './cluster-facts.ts';
import type { LiveRuns } from './live-runs.ts';

export const IMAGE_PATH = 'team/app';
export const STEPS = ['clone', 'build'] as const;
const BOOKMARK_MS = 500;
const CREDENTIALS = '-credentials';
const LINGERS = 'chaos.image-factory.io/lingers';
/** From a container's end to the pod's, as its node tells them. */
const GONE_AFTER_MS = 30;
const LOGS = { path: /\/log$/ };
const LOGS_DROPPED = 10;
const LOGS_AWAY_MS = 2_000;
const REFUSED_RUNS = 4;
const REFUSALS = 1_000;
/** For longer than it takes until somebody asks for a pod's events. */
const SLOW_START_MS = 6_000;
const SLOW_FOR_MS = 3_000;
/** Steps print in so many goes. */
const GOES = 4;
/** Within which an attempt that is to lose its pod does. */
const DISRUPTED_AT_GO = 2;

interface ClusterParts {
  readonly name: string;
  readonly maxRuns: number;
  readonly server: FakeKubeApiServer;
  readonly registry: InMemoryImageRegistry;
  readonly plans: readonly BuildPlan[];
  readonly live: LiveRuns;
  /** Whether the database knows the run with that uid. */
  readonly isRecorded: (uid: string) => Promise<boolean>;
}

interface ObservedStatus {
  readonly phase?: string;
  readonly conditions?: readonly { readonly reason?: string }[];
}

interface RunParameters {
  readonly spec: { readonly params?: readonly { readonly name: string; readonly value: unknown }[] };
}

/**
 * One cluster in the suite's own process, so that it outlives every dispatcher: the fake API server over real HTTP, and
 * a Tekton whose runs take time, print their plan's lines and push to the attempt's tag. A run whose attempt's Secret is
 * not there never starts, as on a real cluster. A pod that is deleted stays for a while, and its container runs, prints
 * and pushes on until then.
 */
export class ChaosCluster {
  readonly name: string;
  /** Most builds at once; 0: as many as there are. */
  readonly maxRuns: number;
  readonly server: FakeKubeApiServer;
  readonly facts: ClusterFacts;
  readonly #registry: InMemoryImageRegistry;
  readonly #plans: readonly BuildPlan[];
  readonly #tekton: FakeTektonController;
  readonly #isRecorded: ClusterParts['isRecorded'];
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Uids of pods in deletion. */
  readonly #leaving = new Set<string>();
  readonly #bookmarks: NodeJS.Timeout;
  /** Runs that `createLate` has made. */
  madeLate = 0;
  #slowUntilMs = 0;
  #lastGone: FakeObject | undefined;

  private constructor(parts: ClusterParts) {
    const { name, maxRuns, server, registry, plans, live, isRecorded } = parts;
    this.name = name;
    this.maxRuns = maxRuns;
    this.server = server;
    this.#registry = registry;
    this.#plans = plans;
    this.#isRecorded = isRecorded;
    this.facts = new ClusterFacts(name, maxRuns, live);
    server.store.onEvent(({ resource, type, object }) => {
      const { name } = object.metadata;
      if (resource.resource === 'pipelineruns' && type === 'ADDED') this.#takeUp(object);
      if (resource.resource === 'pipelineruns' && type === 'DELETED') {
        this.#lastGone = object;
        this.facts.runGone(name);
      }
      if (resource.resource === 'secrets' && type === 'ADDED' && name.endsWith(CREDENTIALS))
        this.facts.secretMade(name.slice(0, -CREDENTIALS.length));
      if (resource.resource === 'pods') this.#podChanged(object, type === 'DELETED');
    });
    this.#tekton = new FakeTektonController(server);
    this.#tekton.podFinalizers = [LINGERS];
    this.#bookmarks = setInterval(() => server.sendBookmarks(), BOOKMARK_MS);
  }

  static async start(parts: Omit<ClusterParts, 'server'>): Promise<ChaosCluster> {
    return new ChaosCluster({ ...parts, server: await FakeKubeApiServer.start() });
  }

  /** Pods that are made in the next seconds start late. */
  startSlowly(): void {
    this.#slowUntilMs = performance.now() + SLOW_FOR_MS;
  }

  /** A run that was here, and is gone with all that belonged to it, is made once more. */
  createLate(): void {
    const run = this.#lastGone;
    this.#lastGone = undefined;
    if (run === undefined) return;
    const { name, namespace = '', labels = {} } = run.metadata;
    if (this.server.store.find('pipelineruns', namespace, name) !== undefined) return;
    // Its attempt is not over yet.
    if (this.server.store.find('secrets', namespace, `${name}${CREDENTIALS}`) !== undefined) return;
    this.madeLate += 1;
    this.server.store.put('pipelineruns', { metadata: { name, namespace, labels }, spec: run['spec'] });
  }

  /** The log streams of all runs that are here break, and are not opened again at once. */
  cutLogs(): void {
    const takeBack = this.server.fault(LOGS, { kind: 'drop' }, LOGS_DROPPED);
    const mark = (): void => {
      for (const name of this.#runNames()) this.#keepLogsAway(name);
    };
    mark();
    this.server.dropConnections();
    this.#later(LOGS_AWAY_MS, () => {
      takeBack();
      mark();
    });
  }

  /** The logs of a few runs are refused from now on. */
  refuseLogs(): void {
    const names = this.#runNames().slice(-REFUSED_RUNS);
    if (names.length === 0) return;
    for (const name of names) this.#keepLogsAway(name);
    const path = new RegExp(`/pods/(${names.join('|')})-.*/log$`);
    this.server.fault({ path }, { kind: 'status', status: 500, reason: 'InternalError' }, REFUSALS);
  }

  #runNames(): string[] {
    return this.server.store.list('pipelineruns').map(({ metadata }) => metadata.name);
  }

  #keepLogsAway(runName: string): void {
    const run = this.facts.runs.get(runName);
    if (run !== undefined) run.logsKeptAway = true;
  }

  /** Objects of attempts that are still here. */
  leftovers(): string[] {
    return ['pipelineruns', 'taskruns', 'pods', 'secrets'].flatMap((resource) =>
      this.server.store
        .list(resource)
        .filter((object) => object.metadata.labels?.[LABELS.execution] !== undefined)
        .map((object) => `${this.name}: ${resource}/${object.metadata.name}${stateOf(object)}`),
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#bookmarks);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#tekton.close();
    await this.server.close();
  }

  /** Called before the controller hears of the run, which reads the script that is put here. */
  #takeUp(run: FakeObject): void {
    const { name, namespace, uid } = run.metadata;
    const hasSecret = this.server.store.find('secrets', namespace, `${name}${CREDENTIALS}`) !== undefined;
    const plan = this.#plans[planIndex(run as FakeObject & RunParameters)];
    const found = this.facts.created(run, plan, hasSecret);
    if (!hasSecret) {
      const waits = {
        reason: 'ContainerCreating',
        message: `MountVolume.SetUp failed: secret "${name}${CREDENTIALS}"`,
      };
      this.#tekton.scripts.set(name, { clone: { waits } });
      return;
    }
    const digest = digestOf(imageOf(found));
    const results = { IMAGE_URL: `${this.#registry.host}/${IMAGE_PATH}`, IMAGE_DIGEST: digest };
    const waitsMs = performance.now() < this.#slowUntilMs ? SLOW_START_MS : (plan?.waitsMs ?? 0);
    const waits = { reason: 'ContainerCreating', message: 'pulling the image of the step' };
    const clone: FakeTaskScript = { ending: 'hangs', ...(waitsMs > 0 ? { waits } : {}) };
    this.#tekton.scripts.set(name, { clone, build: { ending: 'hangs', results } });
    if (waitsMs === 0) return;
    this.#later(waitsMs, () => {
      if (this.server.store.find('pipelineruns', namespace, name)?.metadata.uid === uid) this.#tekton.start(name);
    });
  }

  #podChanged(pod: FakeObject, deleted: boolean): void {
    const runName = pod.metadata.labels?.['tekton.dev/pipelineRun'] ?? '';
    const task = pod.metadata.labels?.['tekton.dev/pipelineTask'] ?? '';
    const run = this.facts.runs.get(runName);
    if (run !== undefined) this.facts.podChanged(run, pod, deleted);
    if (deleted) return;
    if (pod.metadata.deletionTimestamp !== undefined) this.#letGo(run, pod);
    const status = pod['status'] as { phase?: string } | undefined;
    if (status?.phase !== 'Running' || run === undefined || run.stepsStarted.has(task)) return;
    run.stepsStarted.add(task);
    this.#print(run, STEPS.indexOf(task as (typeof STEPS)[number]), pod);
  }

  /** Once for each pod: its container ends after the plan's time, and then it goes. */
  #letGo(run: RunFacts | undefined, pod: FakeObject): void {
    const uid = pod.metadata.uid ?? '';
    if (this.#leaving.has(uid)) return;
    this.#leaving.add(uid);
    const phase = (pod['status'] as { phase?: string } | undefined)?.phase;
    this.#later(phase === 'Running' ? (run?.plan?.lingerMs ?? 0) : 0, () => {
      this.#endContainer(pod, 143);
      this.#later(GONE_AFTER_MS, () => {
        if (!this.#isThere(pod)) return;
        const { namespace, name } = pod.metadata;
        this.server.store.update('pods', namespace, name, (object) => {
          object.metadata.finalizers = [];
        });
      });
    });
  }

  /** Prints a step's lines over its time in a few goes, then ends it. */
  #print(run: RunFacts, step: number, pod: FakeObject): void {
    const { plan } = run;
    const lines = plan?.lines[step] ?? 1;
    const runMs = plan?.runMs[step] ?? 50;
    const printed: Buffer[] = [];
    run.printed.set(STEPS[step] ?? '', printed);
    for (let go = 1; go <= GOES; go += 1) {
      this.#later((runMs * go) / GOES, () => {
        if (!this.#runs(pod)) return;
        const from = Math.floor((lines * (go - 1)) / GOES);
        for (let line = from; line < Math.floor((lines * go) / GOES); line += 1) {
          const bytes = plan === undefined ? Buffer.from('no plan') : lineOf(plan, step, line);
          printed.push(bytes, Buffer.from('\n'));
          this.server.logs.append(pod.metadata.namespace ?? '', pod.metadata.name, `step-${STEPS[step]}`, bytes);
        }
        const isBuild = step === STEPS.length - 1;
        if (isBuild && go === DISRUPTED_AT_GO && run.attempt <= (plan?.disruptions ?? 0)) this.#disrupt(run, pod);
        if (go === GOES) this.#end(run, step, pod);
      });
    }
  }

  #disrupt(run: RunFacts, pod: FakeObject): void {
    const reason = run.plan?.disruption ?? 'EvictionByEvictionAPI';
    if (reason === 'RunDeleted') return void this.#deleteRun(run, pod.metadata.namespace ?? '');
    this.#tekton.disrupt(pod.metadata.namespace ?? '', run.name, { reason, message: 'chaos' });
  }

  /**
   * Not while its create's answer may be lost: a dispatcher that does not know of the run makes it again, beside a pod of
   * the first one that is still in deletion.
   */
  async #deleteRun(run: RunFacts, namespace: string): Promise<void> {
    const recorded = await this.#isRecorded(run.uid).catch(() => false);
    const found = this.server.store.find('pipelineruns', namespace, run.name);
    if (!recorded || found?.metadata.uid !== run.uid) return;
    run.deletedByOthers = true;
    this.server.store.delete('pipelineruns', namespace, run.name);
  }

  #end(run: RunFacts, step: number, pod: FakeObject): void {
    const fails = run.plan?.ending === 'fails';
    if (step === STEPS.length - 1 && !fails) {
      this.#registry.store(IMAGE_PATH, attemptTag(run), imageOf(run));
    }
    this.#tekton.finish(run.name, step === STEPS.length - 1 && fails ? 'fails' : 'succeeds');
    // Tekton has given up a run whose pod it has deleted.
    if (this.#runs(pod)) this.#endContainer(pod, 0);
  }

  #endContainer(pod: FakeObject, exitCode: number): void {
    if (!this.#runs(pod)) return;
    const { namespace, name } = pod.metadata;
    const container = `step-${pod.metadata.labels?.['tekton.dev/pipelineTask']}`;
    this.server.logs.end(namespace ?? '', name, container);
    this.server.store.update('pods', namespace, name, (object) => {
      const state = { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' } };
      object['status'] = {
        ...(object['status'] as object),
        phase: exitCode === 0 ? 'Succeeded' : 'Failed',
        containerStatuses: [{ name: container, state }],
      };
    });
  }

  /** The pod, as it is now; undefined when it is gone. */
  #find(pod: FakeObject): FakeObject | undefined {
    const found = this.server.store.find('pods', pod.metadata.namespace, pod.metadata.name);
    return found?.metadata.uid === pod.metadata.uid ? found : undefined;
  }

  #isThere(pod: FakeObject): boolean {
    return this.#find(pod) !== undefined;
  }

  #runs(pod: FakeObject): boolean {
    const found = this.#find(pod);
    return found !== undefined && isRunning(found);
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}

function stateOf({ metadata, status }: FakeObject & { status?: ObservedStatus }): string {
  const { phase, conditions = [] } = status ?? {};
  const deleted = metadata.deletionTimestamp === undefined ? [] : ['in deletion'];
  const words = [...conditions.map(({ reason = '' }) => reason), phase ?? '', ...deleted].filter((word) => word !== '');
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

function planIndex(run: RunParameters): number {
  for (const { value } of run.spec.params ?? []) {
    const found = /^chaos-(\d+)$/.exec(String(value))?.[1];
    if (found !== undefined) return Number(found);
  }
  return -1;
}

function imageOf(run: RunFacts): object {
  return { schemaVersion: 2, build: run.buildId, attempt: run.attempt };
}

function digestOf(document: object): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(document)).digest('hex')}`;
}
