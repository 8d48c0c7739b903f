import { Body, Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type DispatchPause, PostgresDispatchAdmin } from '@image-factory/persistence';
import { type RequestScope, Scope } from '../http/request-scope.js';
import { numbersOf, totalOf } from './dispatcher-metrics.js';
import { DispatcherResponse, toDispatcherResponse } from './dispatcher.response.js';
import { PauseDispatchRequest } from './pause-dispatch.request.js';
import { SetDispatchPause } from './set-dispatch-pause.js';

interface PauseResponse {
  readonly paused: boolean;
  readonly reason: string | null;
}

@ApiTags('admin: dispatcher')
@ApiBearerAuth()
@Controller('admin/dispatcher')
export class DispatcherController {
  constructor(
    @Inject(PostgresDispatchAdmin) private readonly admin: PostgresDispatchAdmin,
    @Inject(SetDispatchPause) private readonly setPause: SetDispatchPause,
  ) {}

  @Get('metrics')
  @ApiOperation({ summary: 'Numbers since each dispatcher began: totals at the top, and per dispatcher' })
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
  async status(): Promise<PauseResponse & { readonly dispatchers: readonly DispatcherResponse[] }> {
    const [pause, dispatchers] = await Promise.all([this.admin.pause(), this.admin.dispatchers()]);
    return { ...toPauseResponse(pause), dispatchers: dispatchers.map(toDispatcherResponse) };
  }

  @Post('pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Stop claims on all dispatchers; what runs goes on' })
  async pause(@Scope() scope: RequestScope, @Body() body: PauseDispatchRequest): Promise<PauseResponse> {
    return toPauseResponse(await this.setPause.execute(scope, { paused: true, reason: body.reason }));
  }

  @Post('resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let dispatchers claim again' })
  async resume(@Scope() scope: RequestScope): Promise<PauseResponse> {
    return toPauseResponse(await this.setPause.execute(scope, { paused: false, reason: undefined }));
  }
}

function toPauseResponse(pause: DispatchPause): PauseResponse {
  return { paused: pause.paused, reason: pause.reason ?? null };
}
