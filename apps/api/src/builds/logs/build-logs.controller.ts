import { Readable } from 'node:stream';
import { Controller, Get, Headers, Inject, Param, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdPipe } from '../../http/validation/id.pipe.js';
import { StreamedAs } from '../../http/response/streamed-as.js';
import { InTenant, type TenantScope } from '../../http/request-scope.js';
import { OpenStreams } from '../../stream/open-streams.js';
import { type PlacedRecord, toLogBytes, toLogLineResponse } from './log-line.js';
import { ReadLog } from './read-log.js';
import { ReadLogRequest } from './read-log.request.js';
import { FollowLog } from './tail/follow-log.js';

const NDJSON = 'application/x-ndjson';

@ApiTags('builds')
@ApiBearerAuth()
@Controller('builds/:id/logs')
export class BuildLogsController {
  constructor(
    @Inject(ReadLog) private readonly readLog: ReadLog,
    @Inject(FollowLog) private readonly followLog: FollowLog,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'The stored log: text by default, one JSON object per line with Accept: application/x-ndjson',
  })
  @ApiOkResponse({
    description: 'Exactly the bytes that the steps wrote, or one object per line; gaps are marked',
    content: {
      'text/plain': { schema: { type: 'string' } },
      [NDJSON]: { schema: { type: 'string', description: 'attempt, task, step, line, time, text; gap' } },
    },
  })
  async logs(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Query() query: ReadLogRequest,
    @Headers('accept') accept: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const records = await this.readLog.open(scope.tenantId, id, query);
    const json = (accept ?? '').toLowerCase().includes(NDJSON);
    const body = Readable.from(batches(records, json ? toJsonLine : toText), {
      objectMode: false,
      highWaterMark: 256 * 1024,
    });
    await reply
      .header('vary', 'accept')
      .header('x-content-type-options', 'nosniff')
      .type(json ? NDJSON : 'text/plain; charset=utf-8')
      .send(body);
  }

  @Get('stream')
  @ApiOperation({ summary: 'The log as it grows; ids are `<attempt>:<step>:<byte offset>`; `event: end` closes' })
  @StreamedAs('`<attempt>:<step>:<byte offset>`: the id of the last event that was seen')
  async stream(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const subject = { tenantId: scope.tenantId, buildId: id };
    await this.followLog.open(subject);
    await this.streams.run(reply, (stream) => this.followLog.produce(subject, lastEventId, stream));
  }
}

function toText(record: PlacedRecord): Buffer {
  return toLogBytes(record.stored.record);
}

function toJsonLine(record: PlacedRecord): Buffer {
  return Buffer.from(`${JSON.stringify(toLogLineResponse(record))}\n`, 'utf8');
}

const BATCH_BYTES = 64 * 1024;

/** Puts small records together, so that a log of millions of lines is not millions of writes. */
async function* batches(
  records: AsyncIterable<PlacedRecord>,
  toBytes: (record: PlacedRecord) => Buffer,
): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const record of records) {
    const bytes = toBytes(record);
    parts.push(bytes);
    size += bytes.byteLength;
    if (size < BATCH_BYTES) continue;
    yield Buffer.concat(parts, size);
    parts = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(parts, size);
}
