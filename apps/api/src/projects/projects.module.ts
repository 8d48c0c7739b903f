import { Module } from '@nestjs/common';
import { ChangeProject } from './change-project.js';
import { CheckProject } from './check-project.js';
import { CreateProject } from './create-project.js';
import { DeleteProject } from './delete-project.js';
import { ProjectsController } from './projects.controller.js';

@Module({
  controllers: [ProjectsController],
  providers: [CheckProject, CreateProject, ChangeProject, DeleteProject],
})
export class ProjectsModule {}
