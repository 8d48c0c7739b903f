import { IdField } from '../http/validation/fields.js';
import { BuildFields } from '../builds/submit/submit-build.request.js';

/** Body of `POST /admin/placements/simulate`: that of a submission, and whose it would be. */
export class SimulatePlacementRequest extends BuildFields {
  @IdField({ description: 'Tenant whose build it would be' })
  readonly tenant_id!: string;

  @IdField({ optional: true, description: 'Its project: where it is warm, and what a build of it begins with' })
  readonly project_id?: string;
}
