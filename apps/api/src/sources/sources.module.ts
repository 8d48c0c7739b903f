import { Module } from '@nestjs/common';
import { ProvidersModule } from '../providers/providers.module.js';
import { AdoptCluster } from './adopt-cluster.js';
import { ConfigFileController } from './config-file.controller.js';
import { DiscoveryController } from './discovery.controller.js';
import { StartDiscovery } from './start-discovery.js';

/** Where providers come from beside the API. */
@Module({
  imports: [ProvidersModule],
  controllers: [ConfigFileController, DiscoveryController],
  providers: [StartDiscovery, AdoptCluster],
})
export class SourcesModule {}
