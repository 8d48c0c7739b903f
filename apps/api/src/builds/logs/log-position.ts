/** Where a reader of a build's log stands: after so many bytes of a step, and after so many gaps at that byte. */
export interface LogPosition {
  readonly attempt: number;
  /** `<task>/<step>`. */
  readonly step: string;
  readonly byteOffset: number;
  /** Gap records have no bytes: those at this very offset that were told already. */
  readonly gaps: number;
}

const FORM = /^(\d{1,6}):([^:\s]{1,255}):(\d{1,15})(?:\+(\d{1,6}))?$/;

/** `<attempt>:<step>:<byte offset>`, and `+<n>` after the n-th gap at that offset. */
export function formatPosition(position: LogPosition): string {
  const gaps = position.gaps === 0 ? '' : `+${position.gaps}`;
  return `${position.attempt}:${position.step}:${position.byteOffset}${gaps}`;
}

/** Undefined for what is no position of ours: the stream then begins at the beginning. */
export function parsePosition(text: string | undefined): LogPosition | undefined {
  const match = FORM.exec(text ?? '');
  if (match === null) return undefined;
  const [, attempt, step, byteOffset, gaps] = match;
  return { attempt: Number(attempt), step: step ?? '', byteOffset: Number(byteOffset), gaps: Number(gaps ?? 0) };
}
