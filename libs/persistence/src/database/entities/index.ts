import {
  ApiKeyEntity,
  InstallationEntity,
  LaneEntity,
  ProjectLaneEntity,
  ProjectEntity,
  RegistryAuthEntity,
  RepositoryAuthEntity,
  TenantEntity,
} from './tenant.entity.js';
import {
  ClusterShardEntity,
  DispatcherEntity,
  ProviderConditionEntity,
  ProviderEntity,
  ProviderPermissionEntity,
  TenantNamespaceEntity,
} from './provider.entity.js';
import { ProviderProbeEntity } from './provider-probe.entity.js';
import { BuildConfigEntity, BuildEntity, BuildSpecEntity } from './build.entity.js';
import {
  BuildArtifactEntity,
  BuildEventEntity,
  BuildExecutionEntity,
  ImageTagEntity,
  PlacementDecisionEntity,
} from './execution.entity.js';
import { BuildLogChunkEntity, BuildLogCursorEntity } from './log.entity.js';
import {
  ConfigFileContentEntity,
  ConfigFileEntity,
  DiscoveredClusterEntity,
  SourceHoldEntity,
} from './source.entity.js';
import { RegistryHoldEntity, RegistryTroubleEntity } from './retry.entity.js';
import { AuditEventEntity, IdempotencyKeyEntity, JobEntity } from './platform.entity.js';

/** Every table's row shape. */
export const ENTITIES = [
  InstallationEntity,
  TenantEntity,
  LaneEntity,
  ProjectLaneEntity,
  RegistryAuthEntity,
  RepositoryAuthEntity,
  ProjectEntity,
  ApiKeyEntity,
  ProviderEntity,
  ProviderPermissionEntity,
  ProviderConditionEntity,
  ProviderProbeEntity,
  DispatcherEntity,
  ClusterShardEntity,
  TenantNamespaceEntity,
  BuildEntity,
  BuildConfigEntity,
  BuildSpecEntity,
  BuildExecutionEntity,
  PlacementDecisionEntity,
  BuildEventEntity,
  BuildArtifactEntity,
  ImageTagEntity,
  BuildLogChunkEntity,
  BuildLogCursorEntity,
  JobEntity,
  AuditEventEntity,
  IdempotencyKeyEntity,
  RegistryHoldEntity,
  RegistryTroubleEntity,
  ConfigFileEntity,
  ConfigFileContentEntity,
  SourceHoldEntity,
  DiscoveredClusterEntity,
] as const;
