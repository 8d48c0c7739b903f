import { randomUUID } from 'node:crypto';
import {
  attemptTag,
  type AttemptEnd,
  type Fault,
  type LogRecord,
  type LogStep,
  type Reason,
  type StopIntent,
} from '@image-factory/domain';

/** How the answer to one create goes wrong. `unknown-committed`: the run exists, its answer was lost. */
export type CreateFault = 'unknown' | 'unknown-committed' | 'retry-later' | 'refused' | 'refused-by-cluster';

/** One step as it is scripted: what it prints, in order. */
export interface ScriptedStep {
  readonly task: string;
  readonly step: string;
  readonly lines: readonly string[];
}

export interface RunScript {
  readonly steps: readonly ScriptedStep[];
  /** `auto`: runs to its end at once; `held`: waits for `startRun`, `print`, `endRun`. */
  readonly pace: 'auto' | 'held';
  /** 0 unless it fails. */
  readonly exitCode: number;
  /** What a failed run says of itself; undefined: its step failed, the user's fault. */
  readonly failure?: ScriptedFailure | undefined;
}

export interface ScriptedFailure {
  readonly reason: Reason;
  readonly fault: Fault;
  readonly nodeName?: string;
}

export interface FakeStep {
  readonly step: LogStep;
  readonly records: LogRecord[];
  ended: boolean;
}

export interface FakeRun {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly installationId: string;
  readonly executionId: string;
  readonly buildId: string;
  readonly attempt: number;
  readonly shard: number;
  readonly document: string;
  readonly createdAt: Date;
  readonly script: RunScript;
  readonly steps: FakeStep[];
  phase: 'pending' | 'running' | 'ended';
  waiting: { reason: 'Unschedulable' | 'ImagePullFailed'; message: string } | undefined;
  firstStepStartedAt: Date | undefined;
  /** Since when a later TaskRun waits for its pod: meanwhile nothing runs. */
  waitingSince: Date | undefined;
  endedAt: Date | undefined;
  runSeconds: number;
  stoppedBy: StopIntent | 'foreign' | undefined;
  livePods: number;
  /** Its pods are over only as far as can be seen: their node does not answer. */
  nodeLost: boolean;
  digest: string | undefined;
  exitCode: number;
  /** What would explain its end cannot be read, and is worth another try. */
  unexplained: boolean;
}

/** What a create brings; the rest of a FakeRun is what then happens to it. */
export type NewRun = Pick<
  FakeRun,
  'name' | 'namespace' | 'installationId' | 'executionId' | 'buildId' | 'attempt' | 'shard' | 'document'
>;

/** An attempt's Secret; one without a build is nobody's. */
export type FakeSecret = Pick<FakeRun, 'executionId' | 'shard'> &
  Partial<Pick<FakeRun, 'buildId' | 'attempt' | 'namespace'>>;

export const DEFAULT_SCRIPT: RunScript = {
  pace: 'auto',
  exitCode: 0,
  steps: [
    { task: 'clone', step: 'clone', lines: ['Cloning', 'Done'] },
    { task: 'build', step: 'build', lines: ['STEP 1', 'STEP 2', 'pushed'] },
  ],
};

interface FakeDocument {
  readonly imageRepository?: string;
}

/**
 * The world behind the fake executor: what survives every dispatcher's death. Several executors may share one, as
 * several dispatchers share a cluster. Faults are set on it; tests read `runs`, `creates` and `images`.
 */
export class FakeCluster {
  readonly clusterUid = randomUUID();
  readonly runs = new Map<string, FakeRun>();
  /** Attempt Secrets that exist, by run name. */
  readonly secrets = new Map<string, FakeSecret>();
  /** Name of every create that reached the cluster, in order; a second one of the same name is a conflict. */
  readonly createRequests: string[] = [];
  /** Names of the runs that were really made: never the same twice. */
  readonly created: string[] = [];
  readonly removed: string[] = [];
  readonly stops: { name: string; intent: StopIntent }[] = [];
  /** What goes wrong with a run as it is made, by choice of the test; its own script says the rest. */
  scriptRun: (run: NewRun) => Partial<RunScript> | undefined = () => undefined;
  /** Script of the next attempts by build id; others run DEFAULT_SCRIPT. */
  readonly scripts = new Map<string, Partial<RunScript>>();
  defaultScript: RunScript = DEFAULT_SCRIPT;
  reachable = true;
  /** Another copy of our database has written here: nothing may be written any more. */
  foreign = false;
  /** Watches deliver nothing while true, and their age grows. */
  silent = false;
  /** Pods of a stopped or ended run stay live until `killPods`. */
  podsLinger = false;
  /** Awaited by every create before it reaches the cluster, and again before its answer is given. */
  beforeCreate: () => Promise<void> = () => Promise.resolve();
  afterCreate: () => Promise<void> = () => Promise.resolve();
  /** Awaited by every stop before it reaches the cluster. */
  beforeStop: (run: FakeRun) => Promise<void> = () => Promise.resolve();
  /** Called before an attempt's Secret is removed. */
  beforeRemoveCredentials: (attempt: NewRun) => void = () => undefined;
  /** How often the end of a run was told, by its name. */
  readonly endsTold = new Map<string, number>();
  /** Awaited by every first list of a follower. */
  beforeList: () => Promise<void> = () => Promise.resolve();
  /** Awaited by every prepare. */
  beforePrepare: (providerId: string) => Promise<void> = () => Promise.resolve();

  readonly #faults: CreateFault[] = [];
  readonly #watchers = new Set<(run: FakeRun) => void>();
  readonly #readers = new Set<() => void>();

  /** @param images `repository:tag` → digest, of all that runs and promotions pushed; clusters may share a registry */
  constructor(readonly images: Map<string, string> = new Map()) {}

  /** The next creates meet these faults, one each. */
  failCreates(...faults: CreateFault[]): void {
    this.#faults.push(...faults);
  }

  takeCreateFault(): CreateFault | undefined {
    return this.#faults.shift();
  }

  watch(onChange: (run: FakeRun) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** Calls back whenever a log may have grown or a run has ended. */
  onOutput(callback: () => void): () => void {
    this.#readers.add(callback);
    return () => this.#readers.delete(callback);
  }

  find(name: string): FakeRun | undefined {
    return this.runs.get(name);
  }

  runOfBuild(buildId: string): FakeRun | undefined {
    return [...this.runs.values()].filter((run) => run.buildId === buildId).at(-1);
  }

  addRun(run: NewRun): FakeRun {
    const script: RunScript = { ...this.defaultScript, ...this.scripts.get(run.buildId), ...this.scriptRun(run) };
    const made: FakeRun = {
      ...run,
      uid: randomUUID(),
      createdAt: new Date(),
      script,
      steps: script.steps.map((step, index) => ({
        step: { task: step.task, step: step.step, ordinal: index + 1 },
        records: [],
        ended: false,
      })),
      phase: 'pending',
      waiting: undefined,
      firstStepStartedAt: undefined,
      waitingSince: undefined,
      endedAt: undefined,
      runSeconds: 0,
      stoppedBy: undefined,
      livePods: 1,
      nodeLost: false,
      digest: undefined,
      exitCode: 0,
      unexplained: false,
    };
    this.runs.set(run.name, made);
    this.created.push(run.name);
    if (script.pace === 'auto') this.#runToEnd(made);
    this.changed(made);
    return made;
  }

  startRun(run: FakeRun): void {
    run.phase = 'running';
    run.waiting = undefined;
    run.firstStepStartedAt ??= new Date();
    this.changed(run);
  }

  print(run: FakeRun, stepIndex: number, ...lines: string[]): void {
    const step = run.steps[stepIndex];
    if (step === undefined) throw new Error(`run ${run.name} has no step ${stepIndex}`);
    for (const line of lines) {
      const time = new Date(run.createdAt.getTime() + step.records.length).toISOString();
      step.records.push({ kind: 'line', time, text: Buffer.from(line), newline: true });
    }
    this.#output();
  }

  endRun(run: FakeRun, exitCode: number = run.script.exitCode): void {
    run.phase = 'ended';
    run.endedAt ??= new Date();
    run.runSeconds =
      run.firstStepStartedAt === undefined ? 0 : (run.endedAt.getTime() - run.firstStepStartedAt.getTime()) / 1000;
    const repository = (JSON.parse(run.document) as FakeDocument).imageRepository;
    if (exitCode === 0 && run.stoppedBy === undefined && repository !== undefined) {
      run.digest = `sha256:${run.uid.replaceAll('-', '').padEnd(64, '0')}`;
      this.images.set(`${repository}:${attemptTag(run)}`, run.digest);
    }
    run.exitCode = exitCode;
    if (this.podsLinger) this.changed(run);
    else this.killPods(run);
  }

  stopRun(run: FakeRun, by: StopIntent | 'foreign'): void {
    if (run.phase === 'ended') return;
    run.stoppedBy = by;
    this.endRun(run, 137);
  }

  /** The end of its pods is that of its log. */
  killPods(run: FakeRun): void {
    run.livePods = 0;
    for (const step of run.steps) step.ended = true;
    this.changed(run);
    this.#output();
  }

  /** Deletes the run as somebody else would: without a trace. */
  dropRun(run: FakeRun): void {
    this.runs.delete(run.name);
    this.changed(run);
    this.#output();
  }

  changed(run: FakeRun): void {
    if (this.silent || !this.reachable) return;
    for (const watcher of this.#watchers) watcher(run);
  }

  /** Everything that a step printed, as bytes: what the stored log must equal. */
  printed(run: FakeRun, stepIndex: number): Buffer {
    const records = run.steps[stepIndex]?.records ?? [];
    return Buffer.concat(records.flatMap((record) => (record.kind === 'line' ? [record.text, Buffer.from('\n')] : [])));
  }

  #runToEnd(run: FakeRun): void {
    this.startRun(run);
    run.script.steps.forEach((step, index) => this.print(run, index, ...step.lines));
    this.endRun(run);
  }

  #output(): void {
    for (const reader of this.#readers) reader();
  }
}

/** The verdict that the fake gives an ended run: f(run, stop intent), as rule 11 asks. */
export function fakeEnd(run: FakeRun, stopIntent: StopIntent | undefined): AttemptEnd {
  const base = {
    imageDigest: run.digest,
    results: {},
    finalDocument: JSON.stringify({ name: run.name, uid: run.uid }),
  };
  if (run.stoppedBy !== undefined) {
    switch (run.stoppedBy === 'foreign' ? undefined : stopIntent) {
      case 'UserCancel':
        return { ...base, outcome: 'cancelled', reason: 'Cancelled', message: 'The user cancelled it.', fault: 'user' };
      case 'Superseded':
        return {
          ...base,
          outcome: 'cancelled',
          reason: 'Superseded',
          message: 'A newer build replaced it.',
          fault: 'user',
        };
      case 'StartLimit':
        return {
          ...base,
          outcome: 'failed',
          reason: 'StartTimeout',
          message: 'It did not start in time.',
          fault: 'cluster',
        };
      case 'RunLimit':
        return { ...base, outcome: 'failed', reason: 'RunTimeout', message: 'It ran for too long.', fault: 'user' };
      case 'Drain':
        return { ...base, outcome: 'moved', reason: 'Drain', message: 'Its provider drains.', fault: 'cluster' };
      case undefined:
        return {
          ...base,
          outcome: 'failed',
          reason: 'ForeignCancel',
          message: 'Somebody else stopped it.',
          fault: 'cluster',
        };
    }
  }
  const { exitCode } = run;
  if (exitCode === 0)
    return { ...base, outcome: 'succeeded', reason: 'Succeeded', message: 'The build succeeded.', fault: 'user' };
  const { failure } = run.script;
  if (failure !== undefined) return { ...base, ...failure, outcome: 'failed', message: `It met ${failure.reason}.` };
  const message = `Step build exited with ${exitCode}. Its last lines:\n${lastLines(run)}`;
  return { ...base, outcome: 'failed', reason: 'StepFailed', message, fault: 'user' };
}

function lastLines(run: FakeRun): string {
  const records = run.steps.flatMap((step) => step.records).slice(-5);
  return records.map((record) => (record.kind === 'line' ? Buffer.from(record.text).toString() : '')).join('\n');
}
