import type { Grammar } from '@image-factory/domain';
import { QueryIntegerField, TextField, TimeField } from '../../http/validation/fields.js';

const stepName: Grammar = (text) =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/.test(text)
    ? undefined
    : 'must be a step, or task/step, as in build/build';

const attemptOrAll: Grammar = (text) =>
  text === 'all' || /^[1-9]\d{0,5}$/.test(text) ? undefined : 'must be the number of an attempt, or all';

/** Which part of a log is read. */
export class ReadLogRequest {
  @TextField(attemptOrAll, { optional: true, description: 'Number of an attempt, or `all`; the latest when absent' })
  readonly attempt?: string;

  @TextField(stepName, { optional: true, description: 'Only this step: `build`, or `build/build` with its task' })
  readonly step?: string;

  @TimeField({ optional: true, description: 'Only lines written at or after this time' })
  readonly since?: string;

  @QueryIntegerField(0, 1_000_000, { description: 'Only the last so many lines' })
  readonly tail?: number;
}
