import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type RequestScope, Scope } from '../http/request-scope.js';
import { CallerResponse, toCallerResponse } from './caller.response.js';

@ApiTags('access')
@ApiBearerAuth()
@Controller('whoami')
export class WhoamiController {
  @Get()
  @ApiOperation({ summary: 'The caller, its role, tenants and permissions' })
  @ApiOkResponse({ type: CallerResponse })
  whoami(@Scope() scope: RequestScope): CallerResponse {
    return toCallerResponse(scope.caller);
  }
}
