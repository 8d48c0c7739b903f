import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Clock } from '@image-factory/domain';
import { PostgresDrains, PostgresProviders } from '@image-factory/persistence';
import { IdPipe } from '../../http/validation/id.pipe.js';
import { DrainResponse, toDrainResponse } from './drain.response.js';

const MAX_EXECUTIONS = 100;

@ApiTags('admin: providers')
@ApiBearerAuth()
@Controller('admin/infrastructure/providers/:id')
export class ProviderDrainController {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(PostgresDrains) private readonly drains: PostgresDrains,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Get('drain')
  @ApiOperation({ summary: 'How many attempts are left there, which of them are being moved, and who wants it so' })
  @ApiOkResponse({ type: DrainResponse })
  async drain(@Param('id', IdPipe) id: string): Promise<DrainResponse> {
    const provider = await this.providers.get(id);
    return toDrainResponse(provider, await this.drains.progress(id, MAX_EXECUTIONS), this.clock.now());
  }
}
