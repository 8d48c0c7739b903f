import { Module } from '@nestjs/common';
import { CreateCredential } from './create-credential.js';
import { DeleteCredential } from './delete-credential.js';
import { RegistryAuthsController } from './registry-auths.controller.js';
import { RepositoryAuthsController } from './repository-auths.controller.js';

@Module({
  controllers: [RegistryAuthsController, RepositoryAuthsController],
  providers: [CreateCredential, DeleteCredential],
})
export class CredentialsModule {}
