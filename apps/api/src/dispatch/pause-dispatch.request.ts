import { boundedText, TextField } from '../http/validation/fields.js';

export class PauseDispatchRequest {
  @TextField(boundedText(0, 500), { optional: true, description: 'Why; shown while it lasts' })
  readonly reason?: string;
}
