import { Module } from '@nestjs/common';
import { AccessGuard } from './access.guard.js';
import { ApiKeysController } from './api-keys.controller.js';
import { CreateApiKey } from './create-api-key.js';
import { RevokeApiKey } from './revoke-api-key.js';
import { WhoamiController } from './whoami.controller.js';

@Module({
  controllers: [WhoamiController, ApiKeysController],
  providers: [AccessGuard, CreateApiKey, RevokeApiKey],
})
export class AccessModule {}
