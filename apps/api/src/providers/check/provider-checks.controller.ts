import { Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresBuildHistory, PostgresProviders } from '@image-factory/persistence';
import { ExecutionResponse, toExecutionResponse } from '../../builds/history/execution.response.js';
import { NoBody } from '../../http/no-body.js';
import { IdPipe } from '../../http/validation/id.pipe.js';
import type { ListResponse } from '../../http/response/list.request.js';
import { ListedAs } from '../../http/response/listed-as.js';
import { CheckProviderReadiness } from './check-provider-readiness.js';
import { ConnectionTestResponse, ReadinessResponse } from './provider-checks.response.js';
import { ProbeProvider } from './probe-provider.js';
import { GetProviderHealth } from './get-provider-health.js';
import { ProviderHealthResponse } from './provider-health.response.js';
import { ReadinessRequest } from '../manage/provider.request.js';

/** What runs at once on a provider is bounded by its limit; a list beyond this is cut. */
const MAX_EXECUTIONS = 1000;

@ApiTags('admin: providers')
@ApiBearerAuth()
@Controller('admin/infrastructure/providers/:id')
export class ProviderChecksController {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
    @Inject(ProbeProvider) private readonly probe: ProbeProvider,
    @Inject(GetProviderHealth) private readonly getHealth: GetProviderHealth,
    @Inject(CheckProviderReadiness) private readonly checkReadiness: CheckProviderReadiness,
  ) {}

  @Post('test-connection')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'At its cloud: identity, describe, token; then resolve, TCP, TLS, authenticate, version, permissions: each with its time and result',
  })
  @ApiOkResponse({ type: ConnectionTestResponse })
  testConnection(@Param('id', IdPipe) id: string, @NoBody() _body: undefined): Promise<ConnectionTestResponse> {
    return this.probe.testConnection(id);
  }

  @Get('health')
  @ApiOperation({ summary: 'Verdict and why, Conditions, first loss, last probes and latencies, watches, connections' })
  @ApiOkResponse({ type: ProviderHealthResponse })
  health(@Param('id', IdPipe) id: string): Promise<ProviderHealthResponse> {
    return this.getHealth.execute(id);
  }

  @Get('readiness')
  @ApiOperation({ summary: 'Whether builds can run there, and what is missing, in the order in which to fix it' })
  @ApiOkResponse({ type: ReadinessResponse })
  readiness(@Param('id', IdPipe) id: string, @Query() query: ReadinessRequest): Promise<ReadinessResponse> {
    return this.checkReadiness.execute(id, query);
  }

  @Get('executions')
  @ApiOperation({ summary: 'What is reserved, runs or is being cleaned there now' })
  @ListedAs(ExecutionResponse, 'Newest first; at most 1000')
  async executions(@Param('id', IdPipe) id: string): Promise<ListResponse<ExecutionResponse>> {
    await this.providers.get(id);
    const executions = await this.history.onProvider(id, MAX_EXECUTIONS);
    return { items: executions.map((execution) => toExecutionResponse(execution, 'platform')), next_cursor: null };
  }
}
