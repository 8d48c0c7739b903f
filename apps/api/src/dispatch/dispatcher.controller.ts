import { Body, Controller, Get, HttpCode, Inject, Patch, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type DispatchLimits, type DispatchPause, PostgresDispatchAdmin } from '@image-factory/persistence';
import { NoBody } from '../http/no-body.js';
import { type RequestScope, Scope } from '../http/request-scope.js';
import { numbersOf, PUBLISHED, totalOf } from './dispatcher-metrics.js';
import {
  DispatchLimitsResponse,
  DispatcherStatusResponse,
  PauseResponse,
  toDispatcherResponse,
} from './dispatcher.response.js';
import { DispatchLimitsRequest } from './dispatch-limits.request.js';
import { PauseDispatchRequest } from './pause-dispatch.request.js';
import { SetDispatchLimits } from './set-dispatch-limits.js';
import { SetDispatchPause } from './set-dispatch-pause.js';

const METRICS_SCHEMA = {
  type: 'object',
  description: 'Counters and latencies by name',
  required: [...PUBLISHED, 'dispatchers'],
  properties: {
    ...Object.fromEntries(PUBLISHED.map((name) => [name, { type: 'number' }])),
    dispatchers: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'host'],
        properties: { id: { type: 'string', format: 'uuid' }, host: { type: 'string' } },
        additionalProperties: { type: 'number' },
      },
    },
  },
  additionalProperties: { type: 'number' },
} as const;

@ApiTags('admin: dispatcher')
@ApiBearerAuth()
@Controller('admin/dispatcher')
export class DispatcherController {
  constructor(
    @Inject(PostgresDispatchAdmin) private readonly admin: PostgresDispatchAdmin,
    @Inject(SetDispatchPause) private readonly setPause: SetDispatchPause,
    @Inject(SetDispatchLimits) private readonly setLimits: SetDispatchLimits,
  ) {}

  @Get('metrics')
  @ApiOperation({ summary: 'Numbers since each dispatcher began: totals at the top, and per dispatcher' })
  @ApiOkResponse({ schema: METRICS_SCHEMA as never })
  async metrics(): Promise<Record<string, unknown>> {
    const dispatchers = await this.admin.dispatchers();
    const each = dispatchers.map((dispatcher) => ({
      id: dispatcher.id,
      host: dispatcher.host,
      ...numbersOf(dispatcher),
    }));
    return { ...totalOf(dispatchers.map(numbersOf)), dispatchers: each };
  }

  @Get('status')
  @ApiOperation({ summary: 'Replicas with heartbeat, shards, slots and version; whether dispatching is paused' })
  @ApiOkResponse({ type: DispatcherStatusResponse })
  async status(): Promise<DispatcherStatusResponse> {
    const [pause, limits, dispatchers] = await Promise.all([
      this.admin.pause(),
      this.admin.limits(),
      this.admin.dispatchers(),
    ]);
    return {
      ...toPauseResponse(pause),
      limits: toLimitsResponse(limits),
      dispatchers: dispatchers.map(toDispatcherResponse),
    };
  }

  @Patch('limits')
  @ApiOperation({ summary: 'Limit what runs in all tenants together; what runs goes on' })
  @ApiOkResponse({ type: DispatchLimitsResponse })
  async limits(@Scope() scope: RequestScope, @Body() body: DispatchLimitsRequest): Promise<DispatchLimitsResponse> {
    return toLimitsResponse(await this.setLimits.execute(scope, body));
  }

  @Post('pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Stop claims on all dispatchers; what runs goes on' })
  @ApiBody({ type: PauseDispatchRequest, required: false })
  @ApiOkResponse({ type: PauseResponse })
  async pause(@Scope() scope: RequestScope, @Body() body: PauseDispatchRequest): Promise<PauseResponse> {
    return toPauseResponse(await this.setPause.execute(scope, { paused: true, reason: body.reason }));
  }

  @Post('resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let dispatchers claim again' })
  @ApiOkResponse({ type: PauseResponse })
  async resume(@Scope() scope: RequestScope, @NoBody() _body: undefined): Promise<PauseResponse> {
    return toPauseResponse(await this.setPause.execute(scope, { paused: false, reason: undefined }));
  }
}

function toLimitsResponse(limits: DispatchLimits): DispatchLimitsResponse {
  return { max_concurrent_builds: limits.maxConcurrentBuilds ?? null, running: limits.running };
}

function toPauseResponse(pause: DispatchPause): PauseResponse {
  return { paused: pause.paused, reason: pause.reason ?? null };
}
