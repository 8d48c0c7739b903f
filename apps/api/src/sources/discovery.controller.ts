import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiBody,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { PostgresDiscoveredClusters, PostgresDiscoveryRuns } from '@image-factory/persistence';
import type { FastifyReply } from 'fastify';
import { API_BASE } from '../access/route-table.js';
import { type RequestScope, Scope } from '../http/request-scope.js';
import { ListedAs } from '../http/response/listed-as.js';
import { type ListResponse, toListResponse, toPageRequest } from '../http/response/list.request.js';
import { isUuid } from '../http/validation/fields.js';
import { IdPipe } from '../http/validation/id.pipe.js';
import { sendCreated } from '../http/write/answer.js';
import { ProviderResponse } from '../providers/manage/provider.response.js';
import { AdoptCluster } from './adopt-cluster.js';
import { AdoptClusterRequest, ListDiscoveredRequest, StartDiscoveryRequest } from './discovery.request.js';
import {
  DiscoveredClusterResponse,
  DiscoveryRunResponse,
  toDiscoveredClusterResponse,
  toDiscoveryRunResponse,
} from './discovery.response.js';
import { StartDiscovery } from './start-discovery.js';

@ApiTags('admin: discovery')
@ApiBearerAuth()
@Controller('admin/infrastructure/discovery')
export class DiscoveryController {
  constructor(
    @Inject(PostgresDiscoveryRuns) private readonly runs: PostgresDiscoveryRuns,
    @Inject(PostgresDiscoveredClusters) private readonly clusters: PostgresDiscoveredClusters,
    @Inject(StartDiscovery) private readonly startDiscovery: StartDiscovery,
    @Inject(AdoptCluster) private readonly adoptCluster: AdoptCluster,
  ) {}

  @Post('runs')
  @HttpCode(202)
  @ApiOperation({ summary: 'Look for clusters of EKS, GKE and AKS; a dispatcher does it' })
  @ApiBody({ type: StartDiscoveryRequest, required: false })
  @ApiAcceptedResponse({ type: DiscoveryRunResponse })
  async start(
    @Scope() scope: RequestScope,
    @Body() body: StartDiscoveryRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DiscoveryRunResponse> {
    const run = await this.startDiscovery.execute(scope, body);
    void reply.header('location', `${API_BASE}/admin/infrastructure/discovery/runs/${run.id}`);
    return toDiscoveryRunResponse(run);
  }

  @Get('runs/:id')
  @ApiOperation({ summary: 'A run: each scope as it is listed, with what was refused there' })
  @ApiOkResponse({ type: DiscoveryRunResponse })
  async run(@Param('id', IdPipe) id: string): Promise<DiscoveryRunResponse> {
    return toDiscoveryRunResponse(await this.runs.get(id));
  }

  @Get('clusters')
  @ApiOperation({ summary: 'Clusters that were found, with what changed and since when they are gone' })
  @ListedAs(DiscoveredClusterResponse)
  async list(@Query() query: ListDiscoveredRequest): Promise<ListResponse<DiscoveredClusterResponse>> {
    const page = await this.clusters.list(toPageRequest(query, isUuid), { cloud: query.cloud });
    return toListResponse(page, toDiscoveredClusterResponse);
  }

  @Post('clusters/:id/adopt')
  @ApiOperation({ summary: 'Use a found cluster as a provider' })
  @ApiBody({ type: AdoptClusterRequest, required: false })
  @ApiCreatedResponse({ type: ProviderResponse })
  async adopt(
    @Scope() scope: RequestScope,
    @Param('id', IdPipe) id: string,
    @Body() body: AdoptClusterRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProviderResponse> {
    return sendCreated(reply, await this.adoptCluster.execute(scope, id, body));
  }
}
