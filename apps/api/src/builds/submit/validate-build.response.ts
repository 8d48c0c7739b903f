import type { Issue } from '@image-factory/domain';
import { Shown } from '../../http/response/shown.js';
import type { PlacementDecisionResponse } from '../history/placement.response.js';

/** What would become of a build, were it submitted now. */
export class ValidateBuildResponse {
  @Shown('boolean') readonly valid!: boolean;

  @Shown('object', { description: 'path and message of everything that is wrong' })
  readonly errors!: readonly Issue[];

  @Shown('object', { nullable: true, description: 'The chosen provider, or why none of them' })
  readonly placement!: PlacementDecisionResponse | null;

  @Shown('object', { nullable: true, description: 'Position in the tenant, 1 is next' })
  readonly queue!: { readonly position: number } | null;

  @Shown('object', { nullable: true, description: 'Rendered with placeholders for what exists only after submission' })
  readonly pipeline_run!: unknown;
}
