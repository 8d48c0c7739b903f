import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { SimulatePlacement } from './simulate-placement.js';
import { SimulatePlacementRequest } from './simulate-placement.request.js';
import { SimulatedPlacementResponse } from './simulated-placement.response.js';

@ApiTags('admin: placements')
@ApiBearerAuth()
@Controller('admin/placements')
export class PlacementsController {
  constructor(@Inject(SimulatePlacement) private readonly simulate: SimulatePlacement) {}

  @Post('simulate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Where a build of a tenant would go now, and why not elsewhere; nothing is stored' })
  @ApiOkResponse({ type: SimulatedPlacementResponse })
  simulated(@Body() body: SimulatePlacementRequest): Promise<SimulatedPlacementResponse> {
    return this.simulate.execute(body);
  }
}
