import { Controller, Get, Inject } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresDeclaredProviders } from '@image-factory/persistence';
import { ConfigFileResponse, toConfigFileResponse } from './config-file.response.js';

@ApiTags('admin: providers')
@ApiBearerAuth()
@Controller('admin/infrastructure/config-file')
export class ConfigFileController {
  constructor(@Inject(PostgresDeclaredProviders) private readonly declared: PostgresDeclaredProviders) {}

  @Get()
  @ApiOperation({ summary: 'The clusters’ configuration file: what is in force, and every problem of what is not' })
  @ApiOkResponse({ type: ConfigFileResponse })
  async read(): Promise<ConfigFileResponse> {
    return toConfigFileResponse(await this.declared.state());
  }
}
