import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresProviderPermissions, PostgresProviders } from '@image-factory/persistence';
import type { FastifyReply } from 'fastify';
import { sendCreated } from '../../http/write/answer.js';
import { IdPipe } from '../../http/validation/id.pipe.js';
import type { ListResponse } from '../../http/response/list.request.js';
import { type RequestScope, Scope } from '../../http/request-scope.js';
import { ListedAs } from '../../http/response/listed-as.js';
import { GrantProvider } from './grant-provider.js';
import { PermissionResponse, toPermissionResponse } from './permission.response.js';
import { GrantProviderRequest } from '../manage/provider.request.js';
import { RevokeProviderGrant } from './revoke-provider-grant.js';

@ApiTags('admin: providers')
@ApiBearerAuth()
@Controller('admin/infrastructure/providers/:id/permissions')
export class ProviderPermissionsController {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(PostgresProviderPermissions) private readonly permissions: PostgresProviderPermissions,
    @Inject(GrantProvider) private readonly grantProvider: GrantProvider,
    @Inject(RevokeProviderGrant) private readonly revokeGrant: RevokeProviderGrant,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Tenants to which it is granted' })
  @ListedAs(PermissionResponse, 'By name of the tenant; the whole list')
  async list(@Param('id', IdPipe) id: string): Promise<ListResponse<PermissionResponse>> {
    await this.providers.get(id);
    return { items: (await this.permissions.list(id)).map(toPermissionResponse), next_cursor: null };
  }

  @Post()
  @ApiOperation({ summary: 'Grant it to a tenant, with an expiry' })
  @ApiCreatedResponse({ type: PermissionResponse })
  async grant(
    @Scope() scope: RequestScope,
    @Param('id', IdPipe) id: string,
    @Body() body: GrantProviderRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PermissionResponse> {
    return sendCreated(reply, await this.grantProvider.execute(scope, id, body));
  }

  @Delete(':tenantId')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a grant for new builds' })
  async revoke(
    @Scope() scope: RequestScope,
    @Param('id', IdPipe) id: string,
    @Param('tenantId', IdPipe) tenantId: string,
  ): Promise<void> {
    await this.revokeGrant.execute(scope, id, tenantId);
  }
}
