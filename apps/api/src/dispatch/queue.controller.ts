import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { DomainError } from '@image-factory/domain';
import { PostgresQueueView } from '@image-factory/persistence';
import { isUuid } from '../http/validation/fields.js';
import { ListRequest, type ListResponse, toListResponse, toPageRequest } from '../http/response/list.request.js';
import { InTenant, type TenantScope } from '../http/request-scope.js';
import { ListedAs } from '../http/response/listed-as.js';
import { QueueResponse, toQueueResponse } from './queue.response.js';

@ApiTags('queue')
@ApiBearerAuth()
@Controller()
export class QueueController {
  constructor(@Inject(PostgresQueueView) private readonly queue: PostgresQueueView) {}

  @Get('queue')
  @ApiOperation({ summary: "This tenant's running and queued builds, limits, oldest wait and throughput" })
  @ApiOkResponse({ type: QueueResponse })
  async ofTenant(@InTenant() scope: TenantScope): Promise<QueueResponse> {
    const lane = await this.queue.ofTenant(scope.tenantId);
    if (lane !== undefined) return toQueueResponse(lane);
    throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no tenant ${scope.tenantId}` });
  }

  @Get('admin/queue')
  @ApiOperation({ summary: 'All tenants, by id' })
  @ListedAs(QueueResponse, 'By id of the tenant')
  async ofAll(@Query() query: ListRequest): Promise<ListResponse<QueueResponse>> {
    return toListResponse(await this.queue.ofAll(toPageRequest(query, isUuid)), toQueueResponse);
  }
}
