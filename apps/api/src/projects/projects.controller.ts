import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { PostgresProjects, type Project } from '@image-factory/persistence';
import type { FastifyReply } from 'fastify';
import { sendCreated } from '../http/write/answer.js';
import { etagOf } from '../http/write/etag.js';
import { isUuid } from '../http/validation/fields.js';
import { IdPipe } from '../http/validation/id.pipe.js';
import { ListRequest, type ListResponse, toListResponse, toPageRequest } from '../http/response/list.request.js';
import { InTenant, type TenantScope } from '../http/request-scope.js';
import { ListedAs } from '../http/response/listed-as.js';
import { ChangeProject } from './change-project.js';
import { CreateProject } from './create-project.js';
import { DeleteProject } from './delete-project.js';
import { ChangeProjectRequest, CreateProjectRequest } from './project.request.js';
import { ProjectResponse, toProjectResponse } from './project.response.js';

@ApiTags('projects')
@ApiBearerAuth()
@Controller('projects')
export class ProjectsController {
  constructor(
    @Inject(PostgresProjects) private readonly projects: PostgresProjects,
    @Inject(CreateProject) private readonly createProject: CreateProject,
    @Inject(ChangeProject) private readonly changeProject: ChangeProject,
    @Inject(DeleteProject) private readonly deleteProject: DeleteProject,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Create a project' })
  @ApiCreatedResponse({ type: ProjectResponse })
  async create(
    @InTenant() scope: TenantScope,
    @Body() body: CreateProjectRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProjectResponse> {
    return sendCreated(reply, await this.createProject.execute(scope, body));
  }

  @Get()
  @ApiOperation({ summary: 'Projects, newest first' })
  @ListedAs(ProjectResponse)
  async list(@InTenant() scope: TenantScope, @Query() query: ListRequest): Promise<ListResponse<ProjectResponse>> {
    return toListResponse(await this.projects.list(scope.tenantId, toPageRequest(query, isUuid)), toProjectResponse);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One project, with its ETag' })
  @ApiOkResponse({ type: ProjectResponse })
  async get(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProjectResponse> {
    return shown(reply, await this.projects.get(scope.tenantId, id));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change the fields that are sent; honours If-Match' })
  @ApiOkResponse({ type: ProjectResponse })
  async change(
    @InTenant() scope: TenantScope,
    @Param('id', IdPipe) id: string,
    @Body() body: ChangeProjectRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProjectResponse> {
    return shown(reply, await this.changeProject.execute(scope, id, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a project without live builds' })
  async delete(@InTenant() scope: TenantScope, @Param('id', IdPipe) id: string): Promise<void> {
    await this.deleteProject.execute(scope, id);
  }
}

function shown(reply: FastifyReply, project: Project): ProjectResponse {
  void reply.header('etag', etagOf(project.version));
  return toProjectResponse(project);
}
