import { Inject, Injectable } from '@nestjs/common';
import { PostgresBuilds } from '@image-factory/persistence';
import { isUuid } from '../../http/validation/fields.js';
import { type ListResponse, toListResponse, toPageRequest } from '../../http/response/list.request.js';
import { audienceOf } from '../../access/audience.js';
import type { TenantScope } from '../../http/request-scope.js';
import { BuildResponse, toBuildResponse } from './build.response.js';
import { type ListBuildsRequest, toBuildFilter } from './list-builds.request.js';

/** Builds of a tenant by filters, newest first. */
@Injectable()
export class ListBuilds {
  constructor(@Inject(PostgresBuilds) private readonly builds: PostgresBuilds) {}

  async execute({ tenantId, caller }: TenantScope, query: ListBuildsRequest): Promise<ListResponse<BuildResponse>> {
    const page = await this.builds.list(tenantId, toBuildFilter(query), toPageRequest(query, isUuid));
    return toListResponse(page, (build) => toBuildResponse(build, audienceOf(caller.role)));
  }
}
