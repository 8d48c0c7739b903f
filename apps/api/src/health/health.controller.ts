import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { LivenessAnswer, Readiness, ReadinessAnswer } from './readiness.js';

@ApiTags('health')
@Controller()
export class HealthController {
  constructor(@Inject(Readiness) private readonly readiness: Readiness) {}

  @Get('livez')
  @ApiOperation({ summary: 'Whether the process lives' })
  @ApiOkResponse({ type: LivenessAnswer })
  live(): LivenessAnswer {
    return { alive: true };
  }

  @Get('readyz')
  @ApiOperation({ summary: 'Whether it may get requests: the database answers and has the right schema' })
  @ApiOkResponse({ type: ReadinessAnswer })
  @ApiServiceUnavailableResponse({ type: ReadinessAnswer, description: 'Not yet, or not any more' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessAnswer> {
    const answer = await this.readiness.check();
    if (!answer.ready) void reply.code(503);
    return answer;
  }
}
