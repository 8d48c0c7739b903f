import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiBody,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { NoBody } from '../http/no-body.js';
import { sendCreated } from '../http/write/answer.js';
import { IdPipe } from '../http/validation/id.pipe.js';
import type { ListResponse } from '../http/response/list.request.js';
import { InTenant, type TenantScope } from '../http/request-scope.js';
import { ListedAs } from '../http/response/listed-as.js';
import { CancelBuild } from './control/cancel-build.js';
import { CancelBuildRequest } from './control/cancel-build.request.js';
import { RetryBuild } from './control/retry-build.js';
import { BuildDetailResponse } from './read/build-detail.response.js';
import { BuildResponse } from './read/build.response.js';
import { GetBuild } from './read/get-build.js';
import { ListBuilds } from './read/list-builds.js';
import { ListBuildsRequest } from './read/list-builds.request.js';
import { SubmitBuild } from './submit/submit-build.js';
import { SubmitBuildRequest } from './submit/submit-build.request.js';
import { ValidateBuild } from './submit/validate-build.js';
import { ValidateBuildResponse } from './submit/validate-build.response.js';

@ApiTags('builds')
@ApiBearerAuth()
@Controller('builds')
export class BuildsController {
  constructor(
    @Inject(SubmitBuild) private readonly submitBuild: SubmitBuild,
    @Inject(ValidateBuild) private readonly validateBuild: ValidateBuild,
    @Inject(ListBuilds) private readonly listBuilds: ListBuilds,
    @Inject(GetBuild) private readonly getBuild: GetBuild,
    @Inject(CancelBuild) private readonly cancelBuild: CancelBuild,
    @Inject(RetryBuild) private readonly retryBuild: RetryBuild,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Submit a build' })
  @ApiBody({ type: SubmitBuildRequest })
  @ApiCreatedResponse({ type: BuildResponse })
  async submit(
    @InTenant() scope: TenantScope,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BuildResponse> {
    return sendCreated(reply, await this.submitBuild.execute(scope, body));
  }

  @Post('validate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Check a build without storing anything' })
  @ApiBody({ type: SubmitBuildRequest })
  @ApiOkResponse({ type: ValidateBuildResponse })
  validate(@InTenant() scope: TenantScope, @Body() body: unknown): Promise<ValidateBuildResponse> {
    return this.validateBuild.execute(scope, body);
  }

  @Get()
  @ApiOperation({ summary: 'Builds, newest first' })
  @ListedAs(BuildResponse)
  list(@InTenant() scope: TenantScope, @Query() query: ListBuildsRequest): Promise<ListResponse<BuildResponse>> {
    return this.listBuilds.execute(scope, query);
  }

  @Get(':id')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'One build: status, queue position and what binds, phases, latest execution, image' })
  @ApiOkResponse({ type: BuildDetailResponse })
  get(@InTenant() scope: TenantScope, @Param('id', IdPipe) id: string): Promise<BuildDetailResponse> {
    return this.getBuild.execute(scope, id);
  }

  @Post(':id/cancel')
  @HttpCode(202)
  @ApiOperation({ summary: 'Ask for the end of a build; legal in every state that is not final' })
  @ApiBody({ type: CancelBuildRequest, required: false })
  @ApiAcceptedResponse({ type: BuildResponse })
  async cancel(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Body() body: CancelBuildRequest,
  ): Promise<BuildResponse> {
    return this.cancelBuild.execute(scope, id, body.reason);
  }

  @Post(':id/retry')
  @ApiOperation({ summary: 'A new build from the same input; only when this one has ended' })
  @ApiCreatedResponse({ type: BuildResponse })
  async retry(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @NoBody() _body: undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BuildResponse> {
    return sendCreated(reply, await this.retryBuild.execute(scope, id));
  }
}
