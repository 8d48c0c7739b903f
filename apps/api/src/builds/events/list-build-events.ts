import { Inject, Injectable } from '@nestjs/common';
import { PostgresBuildHistory, PostgresBuilds } from '@image-factory/persistence';
import {
  type ListRequest,
  type ListResponse,
  toListResponse,
  toPageRequest,
} from '../../http/response/list.request.js';
import { audienceOf } from '../../access/audience.js';
import type { TenantScope } from '../../http/request-scope.js';
import { BuildEventResponse, toBuildEventResponse } from './build-event.response.js';

/** A timeline is read from its beginning: unlike other lists, oldest first. */
@Injectable()
export class ListBuildEvents {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
  ) {}

  async execute(
    { tenantId, caller }: TenantScope,
    buildId: string,
    query: ListRequest,
  ): Promise<ListResponse<BuildEventResponse>> {
    await this.builds.get(tenantId, buildId);
    const page = toPageRequest(query, isEventId);
    const events = await this.history.events(buildId, page.after ?? '0', page.limit + 1);
    const shown = events.slice(0, page.limit);
    return toListResponse(
      { items: shown, nextAfter: events.length > page.limit ? shown.at(-1)?.id : undefined },
      (event) => toBuildEventResponse(event, audienceOf(caller.role)),
    );
  }
}

/** Ids of events count up from 1. */
export function isEventId(text: string): boolean {
  return /^\d{1,18}$/.test(text);
}
