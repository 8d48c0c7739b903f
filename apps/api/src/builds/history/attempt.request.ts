import { QueryIntegerField } from '../../http/validation/fields.js';

/** Names one attempt of a build; the latest when absent. */
export class AttemptRequest {
  @QueryIntegerField(1, 1000, { description: 'Number of the attempt; the latest when absent' })
  readonly attempt?: number;
}
