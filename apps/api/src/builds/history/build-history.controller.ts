import { Controller, Get, Header, Headers, Inject, Param, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdPipe } from '../../http/validation/id.pipe.js';
import { ListRequest, type ListResponse } from '../../http/response/list.request.js';
import { InTenant, type TenantScope } from '../../http/request-scope.js';
import { StreamedAs } from '../../http/response/streamed-as.js';
import { ListedAs } from '../../http/response/listed-as.js';
import { OpenStreams } from '../../stream/open-streams.js';
import { BuildEventResponse } from '../events/build-event.response.js';
import { ListBuildEvents } from '../events/list-build-events.js';
import { StreamBuildEvents } from '../events/stream-build-events.js';
import { ArtifactResponse } from './artifact.response.js';
import { AttemptRequest } from './attempt.request.js';
import { ExecutionResponse } from './execution.response.js';
import { GetPipelineRun } from './get-pipeline-run.js';
import { ListBuildHistory } from './list-build-history.js';
import { StoredDecisionResponse } from './placement.response.js';

@ApiTags('builds')
@ApiBearerAuth()
@Controller('builds/:id')
export class BuildHistoryController {
  constructor(
    @Inject(ListBuildEvents) private readonly listEvents: ListBuildEvents,
    @Inject(StreamBuildEvents) private readonly streamEvents: StreamBuildEvents,
    @Inject(ListBuildHistory) private readonly history: ListBuildHistory,
    @Inject(GetPipelineRun) private readonly getPipelineRun: GetPipelineRun,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
  ) {}

  @Get('events')
  @ApiOperation({ summary: 'The timeline, oldest first' })
  @ListedAs(BuildEventResponse, 'Oldest first')
  events(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Query() query: ListRequest,
  ): Promise<ListResponse<BuildEventResponse>> {
    return this.listEvents.execute(scope, id, query);
  }

  @Get('events/stream')
  @ApiOperation({ summary: 'The timeline as it grows; `event: end` when the build has ended' })
  @StreamedAs('The id of the last event that was seen')
  async eventStream(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.streamEvents.open(scope.tenantId, id);
    await this.streams.run(reply, (stream) => this.streamEvents.produce(scope, id, lastEventId, stream));
  }

  @Get('executions')
  @ApiOperation({ summary: 'Attempts, first to last' })
  @ListedAs(ExecutionResponse, 'First to last; the whole list')
  executions(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
  ): Promise<ListResponse<ExecutionResponse>> {
    return this.history.executions(scope, id);
  }

  @Get('placement')
  @ApiOperation({ summary: 'The stored decisions, newest first: what was chosen, and why not the others' })
  @ListedAs(StoredDecisionResponse, 'Newest first, at most 100')
  placement(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
  ): Promise<ListResponse<StoredDecisionResponse>> {
    return this.history.decisions(scope, id);
  }

  @Get('artifacts')
  @ApiOperation({ summary: 'What the build left behind' })
  @ListedAs(ArtifactResponse, 'The whole list')
  artifacts(@InTenant() scope: TenantScope, @Param('id', IdPipe) id: string): Promise<ListResponse<ArtifactResponse>> {
    return this.history.artifacts(scope.tenantId, id);
  }

  @Get('pipeline-run')
  @Header('vary', 'accept')
  @ApiOperation({ summary: 'The stored PipelineRun, as JSON or YAML by Accept' })
  @ApiOkResponse({
    description: 'As the cluster last showed it, else as it was sent',
    content: {
      'application/json': { schema: { type: 'object', additionalProperties: true } },
      'application/yaml': { schema: { type: 'string' } },
    },
  })
  async pipelineRun(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Query() query: AttemptRequest,
    @Headers('accept') accept: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { mediaType, text } = await this.getPipelineRun.execute(scope, id, query.attempt, accept);
    await reply.type(mediaType).send(text);
  }
}
