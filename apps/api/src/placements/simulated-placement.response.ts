import { PlacementDecisionResponse } from '../builds/history/placement.response.js';
import { IssueResponse } from '../http/response/issue.response.js';
import { ShownAs } from '../http/response/shown.js';

export class SimulatedPlacementResponse extends PlacementDecisionResponse {
  @ShownAs(() => IssueResponse, { list: true, description: 'Why such a build would be refused before it is queued' })
  readonly errors!: readonly IssueResponse[];
}
