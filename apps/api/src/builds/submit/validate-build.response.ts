import { IssueResponse } from '../../http/response/issue.response.js';
import { Shown, ShownAs } from '../../http/response/shown.js';
import { PlacementDecisionResponse } from '../history/placement.response.js';

export class ExpectedPosition {
  @Shown('integer', { description: 'In the tenant; 1 is next' }) readonly position!: number;
}

/** What would become of a build, were it submitted now. */
export class ValidateBuildResponse {
  @Shown('boolean') readonly valid!: boolean;

  @ShownAs(() => IssueResponse, { list: true, description: 'Everything that is wrong' })
  readonly errors!: readonly IssueResponse[];

  @ShownAs(() => PlacementDecisionResponse, { nullable: true, description: 'The chosen provider, or why none of them' })
  readonly placement!: PlacementDecisionResponse | null;

  @ShownAs(() => ExpectedPosition, { nullable: true }) readonly queue!: ExpectedPosition | null;

  @Shown('object', { nullable: true, description: 'Rendered with placeholders for what exists only after submission' })
  readonly pipeline_run!: unknown;
}
