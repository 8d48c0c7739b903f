import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresApiKeys } from '@image-factory/persistence';
import type { FastifyReply } from 'fastify';
import { sendCreated } from '../http/write/answer.js';
import { isUuid } from '../http/validation/fields.js';
import { IdPipe } from '../http/validation/id.pipe.js';
import { ListRequest, type ListResponse, toListResponse, toPageRequest } from '../http/response/list.request.js';
import { type RequestScope, Scope } from '../http/request-scope.js';
import { ListedAs } from '../http/response/listed-as.js';
import { CreateApiKeyRequest } from './api-key.request.js';
import { ApiKeyResponse, CreatedApiKeyResponse, toApiKeyResponse } from './api-key.response.js';
import { CreateApiKey } from './create-api-key.js';
import { RevokeApiKey } from './revoke-api-key.js';

@ApiTags('admin: API keys')
@ApiBearerAuth()
@Controller('admin/api-keys')
export class ApiKeysController {
  constructor(
    @Inject(PostgresApiKeys) private readonly keys: PostgresApiKeys,
    @Inject(CreateApiKey) private readonly createApiKey: CreateApiKey,
    @Inject(RevokeApiKey) private readonly revokeApiKey: RevokeApiKey,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Create a key; the answer has it, once' })
  @ApiCreatedResponse({ type: CreatedApiKeyResponse })
  async create(
    @Scope() scope: RequestScope,
    @Body() body: CreateApiKeyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedApiKeyResponse> {
    return sendCreated(reply, await this.createApiKey.execute(scope, body));
  }

  @Get()
  @ApiOperation({ summary: 'Keys without their values, newest first' })
  @ListedAs(ApiKeyResponse)
  async list(@Query() query: ListRequest): Promise<ListResponse<ApiKeyResponse>> {
    return toListResponse(await this.keys.list(toPageRequest(query, isUuid)), toApiKeyResponse);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke a key' })
  async revoke(@Scope() scope: RequestScope, @Param('id', IdPipe) id: string): Promise<void> {
    await this.revokeApiKey.execute(scope, id);
  }
}
