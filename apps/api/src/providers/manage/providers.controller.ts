import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresProviders, type ProviderDetail } from '@image-factory/persistence';
import type { FastifyReply } from 'fastify';
import { sendCreated } from '../../http/write/answer.js';
import { etagOf } from '../../http/write/etag.js';
import { isUuid } from '../../http/validation/fields.js';
import { IdPipe } from '../../http/validation/id.pipe.js';
import { ListRequest, type ListResponse, toListResponse, toPageRequest } from '../../http/response/list.request.js';
import { type RequestScope, Scope } from '../../http/request-scope.js';
import { ListedAs } from '../../http/response/listed-as.js';
import { ChangeProvider } from './change-provider.js';
import { ChangeProviderStatus } from './change-provider-status.js';
import { CreateProvider } from './create-provider.js';
import { DeleteProvider } from './delete-provider.js';
import { ChangeProviderRequest, ChangeProviderStatusRequest, CreateProviderRequest } from './provider.request.js';
import { ProviderResponse, toProviderResponse } from './provider.response.js';

@ApiTags('admin: providers')
@ApiBearerAuth()
@Controller('admin/infrastructure/providers')
export class ProvidersController {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(CreateProvider) private readonly createProvider: CreateProvider,
    @Inject(ChangeProvider) private readonly changeProvider: ChangeProvider,
    @Inject(ChangeProviderStatus) private readonly changeStatus: ChangeProviderStatus,
    @Inject(DeleteProvider) private readonly deleteProvider: DeleteProvider,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Register a provider; secrets in its config are write-only' })
  @ApiCreatedResponse({ type: ProviderResponse })
  async create(
    @Scope() scope: RequestScope,
    @Body() body: CreateProviderRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProviderResponse> {
    return sendCreated(reply, await this.createProvider.execute(scope, body));
  }

  @Get()
  @ApiOperation({ summary: 'Providers, newest first' })
  @ListedAs(ProviderResponse)
  async list(@Query() query: ListRequest): Promise<ListResponse<ProviderResponse>> {
    return toListResponse(await this.providers.list(toPageRequest(query, isUuid)), toProviderResponse);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One provider, with its ETag' })
  @ApiOkResponse({ type: ProviderResponse })
  async get(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProviderResponse> {
    return shown(reply, await this.providers.get(id));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change the fields that are sent; a credential that is left out stays; honours If-Match' })
  @ApiOkResponse({ type: ProviderResponse })
  async change(
    @Scope() scope: RequestScope,
    @Param('id', IdPipe) id: string,
    @Body() body: ChangeProviderRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProviderResponse> {
    return shown(reply, await this.changeProvider.execute(scope, id, body));
  }

  @Patch(':id/status')
  @ApiOperation({ summary: 'Enable, cordon, drain (with a deadline) or disable; honours If-Match' })
  @ApiOkResponse({ type: ProviderResponse })
  async status(
    @Scope() scope: RequestScope,
    @Param('id', IdPipe) id: string,
    @Body() body: ChangeProviderStatusRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProviderResponse> {
    return shown(reply, await this.changeStatus.execute(scope, id, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a provider on which nothing of ours is left' })
  async delete(@Scope() scope: RequestScope, @Param('id', IdPipe) id: string): Promise<void> {
    await this.deleteProvider.execute(scope, id);
  }
}

function shown(reply: FastifyReply, provider: ProviderDetail): ProviderResponse {
  void reply.header('etag', etagOf(provider.updatedAt.getTime()));
  return toProviderResponse(provider);
}
