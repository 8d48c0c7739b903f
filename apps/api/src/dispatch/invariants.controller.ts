import { Controller, Get, Inject } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresInvariants } from '@image-factory/persistence';
import { InvariantsResponse, toInvariantsResponse } from './invariants.response.js';

@ApiTags('admin: dispatcher')
@ApiBearerAuth()
@Controller('admin/invariants')
export class InvariantsController {
  constructor(@Inject(PostgresInvariants) private readonly invariants: PostgresInvariants) {}

  @Get()
  @ApiOperation({
    summary: 'What must never be: counted now, with examples; the same numbers are metrics of dispatchers',
  })
  @ApiOkResponse({ type: InvariantsResponse })
  async read(): Promise<InvariantsResponse> {
    return toInvariantsResponse(await this.invariants.read());
  }
}
