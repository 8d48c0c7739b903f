import { BUILD_METHODS, BUILD_STATUSES, type BuildMethod, type BuildStatus } from '@image-factory/domain';
import type { BuildFilter } from '@image-factory/persistence';
import { ChoiceField, IdField, TimeField } from '../../http/validation/fields.js';
import { ListRequest } from '../../http/response/list.request.js';

export class ListBuildsRequest extends ListRequest {
  @IdField({ optional: true, description: 'Of this project' })
  readonly project_id?: string;

  @ChoiceField(BUILD_STATUSES, { optional: true, description: 'In this status' })
  readonly status?: BuildStatus;

  @ChoiceField(BUILD_METHODS, { optional: true, description: 'By this method' })
  readonly build_method?: BuildMethod;

  @IdField({ optional: true, description: 'Asked for or placed on this provider' })
  readonly infrastructure_provider_id?: string;

  @TimeField({ optional: true, description: 'Submitted after this time' })
  readonly created_after?: string;

  @TimeField({ optional: true, description: 'Submitted before this time' })
  readonly created_before?: string;
}

export function toBuildFilter(query: ListBuildsRequest): BuildFilter {
  return {
    projectId: query.project_id,
    status: query.status,
    buildMethod: query.build_method,
    providerId: query.infrastructure_provider_id,
    createdAfter: query.created_after === undefined ? undefined : new Date(query.created_after),
    createdBefore: query.created_before === undefined ? undefined : new Date(query.created_before),
  };
}
