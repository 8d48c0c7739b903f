import { cpus, totalmem } from 'node:os';

/** One measured figure beside its control from the same run. Times in milliseconds, memory in MiB, unless the title says so. */
export interface BenchmarkResult {
  readonly id: string;
  readonly title: string;
  readonly ours: number;
  readonly control: number | null;
  readonly control_name: string | null;
  /** ours / control; null when there is no control, or it is 0. */
  readonly ratio: number | null;
  /** Smallest and largest sample of ours. */
  readonly spread: readonly [number, number];
  /** What was to be reached, in words; null when the figure is only published. */
  readonly target: string | null;
  readonly met: boolean | null;
  /** What measured it; of a row from before each had its own, all commands of its file. */
  readonly command?: string;
  /** What was checked out then: a short hash, with `+` when files were changed since. */
  readonly commit?: string;
}

/** A result before it is published: with how many samples it was made of. */
export interface MeasuredResult extends BenchmarkResult {
  readonly samples: number;
}

export interface MeasuredRows {
  readonly results: readonly MeasuredResult[];
  /** Of the steps that `--only` left out: what the ids of their rows are or begin with. */
  readonly leftOut: readonly string[];
}

export interface BenchmarkRun extends MeasuredRows {
  readonly versions: Readonly<Record<string, string>>;
  /** What a reader of these figures has to know besides; printed with them. */
  readonly note?: string;
}

export interface BenchmarkOptions {
  /** Under two minutes, for CI: smaller backlogs and fewer rounds. */
  readonly quick: boolean;
  /** Ids of the steps to run, such as `B1`; empty: all. */
  readonly only: readonly string[];
  /** Largest backlog of the queue's steps. */
  readonly backlog: number;
  /** Builds of the fleet's drain. */
  readonly builds: number;
  /** Of the queue's soak. */
  readonly minutes: number;
}

/** What `--json` writes. */
export interface BenchmarkReport {
  readonly name: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Of the latest run; rows that it has left may come from others. */
  readonly command: string;
  readonly results: readonly BenchmarkResult[];
}

/** The q-quantile (0 to 1) of samples by nearest rank; the median of an even count is the mean of the two in the middle. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const [low, high] = [sorted[sorted.length / 2 - 1], sorted[sorted.length / 2]];
  if (q === 0.5 && low !== undefined && high !== undefined) return (low + high) / 2;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

export interface ResultInput {
  readonly id: string;
  readonly title: string;
  readonly samples: readonly number[];
  readonly q: number;
  readonly control?: {
    readonly name: string;
    readonly samples: readonly number[];
    /** That it is 0 is what was measured, as losses are or a rate in a window that was long enough. Default false. */
    readonly mayBeZero?: boolean;
  };
  readonly target?: { readonly text: string; readonly met: (ours: number, ratio: number | null) => boolean };
}

/** @throws Error without samples, or with a control of 0: a figure of nothing would look like a measured one */
export function toResult(input: ResultInput): MeasuredResult {
  if (input.samples.length === 0 || input.control?.samples.length === 0) throw new Error(`${input.id} has no samples`);
  const ours = quantile(input.samples, input.q);
  const control = input.control === undefined ? null : quantile(input.control.samples, input.q);
  if (control === 0 && input.control?.mayBeZero !== true)
    throw new Error(`${input.id}: its control, ${input.control?.name}, measured 0`);
  const ratio = control === null || control === 0 ? null : ours / control;
  return {
    id: input.id,
    title: input.title,
    ours: round(ours),
    control: control === null ? null : round(control),
    control_name: input.control?.name ?? null,
    ratio: ratio === null ? null : round(ratio, 3),
    spread: [round(Math.min(...input.samples)), round(Math.max(...input.samples))],
    target: input.target?.text ?? null,
    met: input.target === undefined ? null : input.target.met(ours, ratio),
    samples: input.samples.length,
  };
}

export function describeMachine(): string {
  const processors = cpus();
  return `${processors.length} × ${processors[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

export function printReport(report: BenchmarkReport, { results, note = '' }: BenchmarkRun): void {
  const rows = results.map((result) => [
    result.id,
    result.title,
    String(result.ours),
    result.control === null ? '' : `${result.control} (${result.control_name ?? ''})`,
    result.ratio === null ? '' : String(result.ratio),
    result.samples === 1 ? '1 run' : `${result.spread[0]} – ${result.spread[1]}`,
    result.target === null ? '' : `${result.target}: ${result.met === true ? 'met' : 'NOT met'}`,
  ]);
  const head = ['id', 'figure', 'ours', 'control', 'ratio', 'spread', 'target'];
  process.stdout.write(`\n${report.command} on ${report.machine}\n\n`);
  for (const row of [head, head.map(() => '---'), ...rows]) process.stdout.write(`| ${row.join(' | ')} |\n`);
  process.stdout.write(`\n${NOTE} ${note}\n`);
}

/** What a reader has to know about every figure. */
const NOTE =
  'Database, controls, fake clusters and the measured code share one machine, on which other work may run: the ratios to ' +
  'the control of the same run count, absolute figures do not.';

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
