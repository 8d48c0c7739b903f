import { boundedText, TextField } from '../../http/validation/fields.js';

export class CancelBuildRequest {
  @TextField(boundedText(0, 500), { optional: true, description: 'Why; shown in the timeline' })
  readonly reason?: string;
}
