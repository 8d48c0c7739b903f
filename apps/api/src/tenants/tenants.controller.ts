import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresTenants } from '@image-factory/persistence';
import type { FastifyReply } from 'fastify';
import { sendCreated } from '../http/write/answer.js';
import { IdPipe } from '../http/validation/id.pipe.js';
import { isTime, isUuid } from '../http/validation/fields.js';
import { ListRequest, type ListResponse, toListResponse, toPageRequest } from '../http/response/list.request.js';
import { type RequestScope, Scope } from '../http/request-scope.js';
import { ListedAs } from '../http/response/listed-as.js';
import { ChangeTenant } from './change-tenant.js';
import { CreateTenant } from './create-tenant.js';
import { DeleteTenant } from './delete-tenant.js';
import { ChangeTenantRequest, CreateTenantRequest } from './tenant.request.js';
import { TenantResponse, toTenantResponse } from './tenant.response.js';

@ApiTags('admin: tenants')
@ApiBearerAuth()
@Controller('admin/tenants')
export class TenantsController {
  constructor(
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(CreateTenant) private readonly createTenant: CreateTenant,
    @Inject(ChangeTenant) private readonly changeTenant: ChangeTenant,
    @Inject(DeleteTenant) private readonly deleteTenant: DeleteTenant,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Create a tenant' })
  @ApiCreatedResponse({ type: TenantResponse })
  async create(
    @Scope() scope: RequestScope,
    @Body() body: CreateTenantRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantResponse> {
    return sendCreated(reply, await this.createTenant.execute(scope, body));
  }

  @Get()
  @ApiOperation({ summary: 'Tenants, newest first' })
  @ListedAs(TenantResponse)
  async list(@Query() query: ListRequest): Promise<ListResponse<TenantResponse>> {
    return toListResponse(await this.tenants.list(toPageRequest(query, isTenantKey)), toTenantResponse);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One tenant' })
  @ApiOkResponse({ type: TenantResponse })
  async get(@Param('id', IdPipe) id: string): Promise<TenantResponse> {
    return toTenantResponse(await this.tenants.get(id));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change the fields that are sent' })
  @ApiOkResponse({ type: TenantResponse })
  change(
    @Scope() scope: RequestScope,
    @Param('id', IdPipe) id: string,
    @Body() body: ChangeTenantRequest,
  ): Promise<TenantResponse> {
    return this.changeTenant.execute(scope, id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a tenant without live builds' })
  async delete(@Scope() scope: RequestScope, @Param('id', IdPipe) id: string): Promise<void> {
    await this.deleteTenant.execute(scope, id);
  }
}

/** Sort key of the list of tenants: time and id. */
function isTenantKey(key: string): boolean {
  const [time = '', id, ...more] = key.split('|');
  const withMinutes = /[+-]\d{2}$/.test(time) ? `${time}:00` : time;
  return isTime(withMinutes.replace(' ', 'T')) && isUuid(id) && more.length === 0;
}
