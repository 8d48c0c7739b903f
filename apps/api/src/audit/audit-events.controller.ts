import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresAudit } from '@image-factory/persistence';
import { boundedText, TextField } from '../http/validation/fields.js';
import { ListRequest, type ListResponse, toListResponse, toPageRequest } from '../http/response/list.request.js';
import { ListedAs } from '../http/response/listed-as.js';
import { AuditEventResponse, toAuditEventResponse } from './audit-event.response.js';

export class ListAuditEventsRequest extends ListRequest {
  @TextField(boundedText(1, 100), { optional: true, description: 'Only objects of this type' })
  readonly object_type?: string;

  @TextField(boundedText(1, 200), { optional: true, description: 'Only this object' })
  readonly object_id?: string;

  @TextField(boundedText(1, 200), { optional: true, description: 'Only what this actor did' })
  readonly actor?: string;
}

@ApiTags('admin: audit')
@ApiBearerAuth()
@Controller('admin/audit-events')
export class AuditEventsController {
  constructor(@Inject(PostgresAudit) private readonly audit: PostgresAudit) {}

  @Get()
  @ApiOperation({ summary: 'Who did what to which object, newest first' })
  @ListedAs(AuditEventResponse)
  async list(@Query() query: ListAuditEventsRequest): Promise<ListResponse<AuditEventResponse>> {
    const filter = { objectType: query.object_type, objectId: query.object_id, actor: query.actor };
    const page = await this.audit.list(
      filter,
      toPageRequest(query, (key) => /^\d{1,18}$/.test(key)),
    );
    return toListResponse(page, toAuditEventResponse);
  }
}
