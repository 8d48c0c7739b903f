import { tenantText, type InfrastructureType, type LogRecord } from '@image-factory/domain';

/** What the product's own lines are made of. */
export interface LineSubject {
  readonly infrastructureType: InfrastructureType;
  readonly name: string;
  readonly namespace: string;
}

/** The contract's line before anything is made (product.md, "execution log lines"). */
export function placeLine(subject: LineSubject): string {
  return subject.infrastructureType === 'kubernetes'
    ? `Using Kubernetes namespace: ${subject.namespace}`
    : 'Using a local host.';
}

/** The contract's line once the run exists. */
export function createdLine(subject: LineSubject): string {
  return subject.infrastructureType === 'kubernetes'
    ? `Created PipelineRun: ${subject.name}`
    : `Created local run: ${subject.name}`;
}

/** The completion line: verdict, reason, duration. The log is the tenant's, so the message is what a tenant may read. */
export function endLine(
  subject: LineSubject,
  end: { readonly outcome: string; readonly reason: string; readonly message: string; readonly seconds: number },
): string {
  const what = subject.infrastructureType === 'kubernetes' ? 'PipelineRun' : 'Local run';
  const duration = `${end.seconds.toFixed(1)} s`;
  const said = tenantText(end.reason, end.message);
  const why = said === '' ? '' : `: ${firstLine(said)}`;
  return `${what} ${subject.name} ${end.outcome} (${end.reason}) after ${duration}${why}`;
}

export function toRecord(text: string, at: Date): LogRecord {
  return { kind: 'line', time: at.toISOString(), text: Buffer.from(text), newline: true };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 500) ?? '';
}
