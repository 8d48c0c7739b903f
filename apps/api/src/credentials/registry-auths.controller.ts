import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresCredentials } from '@image-factory/persistence';
import type { FastifyReply } from 'fastify';
import { sendCreated } from '../http/write/answer.js';
import { isUuid } from '../http/validation/fields.js';
import { IdPipe } from '../http/validation/id.pipe.js';
import { ListRequest, type ListResponse, toListResponse, toPageRequest } from '../http/response/list.request.js';
import { InTenant, type TenantScope } from '../http/request-scope.js';
import { ListedAs } from '../http/response/listed-as.js';
import { CreateCredential } from './create-credential.js';
import { CreateRegistryAuthRequest, toRegistryAuthValue } from './credential.request.js';
import { CredentialResponse, toCredentialResponse } from './credential.response.js';
import { DeleteCredential } from './delete-credential.js';

/** Write-only credentials for image registries. */
@ApiTags('credentials')
@ApiBearerAuth()
@Controller('registry-auths')
export class RegistryAuthsController {
  constructor(
    @Inject(PostgresCredentials) private readonly credentials: PostgresCredentials,
    @Inject(CreateCredential) private readonly createCredential: CreateCredential,
    @Inject(DeleteCredential) private readonly deleteCredential: DeleteCredential,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Store a credential; its values are never shown again' })
  @ApiCreatedResponse({ type: CredentialResponse })
  async create(
    @InTenant() scope: TenantScope,
    @Body() body: CreateRegistryAuthRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CredentialResponse> {
    return sendCreated(reply, await this.createCredential.execute(scope, 'registry', body, toRegistryAuthValue));
  }

  @Get()
  @ApiOperation({ summary: 'Credentials without their values, newest first' })
  @ListedAs(CredentialResponse)
  async list(@InTenant() scope: TenantScope, @Query() query: ListRequest): Promise<ListResponse<CredentialResponse>> {
    const page = await this.credentials.list('registry', scope.tenantId, toPageRequest(query, isUuid));
    return toListResponse(page, toCredentialResponse);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a credential that nothing uses' })
  async delete(@InTenant() scope: TenantScope, @Param('id', IdPipe) id: string): Promise<void> {
    await this.deleteCredential.execute(scope, 'registry', id);
  }
}
