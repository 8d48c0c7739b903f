import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Dispatcher } from '../dispatcher.js';

/** What an orchestrator and Prometheus ask. */
@Controller()
export class HealthController {
  constructor(@Inject(Dispatcher) private readonly dispatcher: Dispatcher) {}

  /** 503 only when a loop has ended no round for too long: a database that is away is no reason to be killed. */
  @Get('livez')
  livez(@Res() reply: FastifyReply): void {
    const loops = this.dispatcher.loopReports();
    const alive = loops.every((loop) => loop.alive);
    void reply.status(alive ? 200 : 503).send({ status: alive ? 'ok' : 'stuck', loops });
  }

  /** Ready: the database answers, its schema is right, the lease is held. */
  @Get('readyz')
  async readyz(@Res() reply: FastifyReply): Promise<void> {
    const readiness = await this.dispatcher.readiness();
    void reply.status(readiness.ready ? 200 : 503).send(readiness);
  }

  @Get('metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    void reply
      .header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
      .send(await this.dispatcher.metricsText());
  }
}
