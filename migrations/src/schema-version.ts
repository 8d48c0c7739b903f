import { CreateTenants1795219200000 } from './1795219200000-create-tenants.js';
import { CreateProviders1795219260000 } from './1795219260000-create-providers.js';
import { CreateBuilds1795219320000 } from './1795219320000-create-builds.js';
import { CreateBuildLogs1795219380000 } from './1795219380000-create-build-logs.js';
import { CreatePlatform1795219440000 } from './1795219440000-create-platform.js';
import { OrderBuilds1795219500000 } from './1795219500000-order-builds.js';
import { AddRetries1795219510000 } from './1795219510000-add-retries.js';
import { CapUnsweptRuns1795219520000 } from './1795219520000-cap-unswept-runs.js';
import { KeepUpdatesHot1795219530000 } from './1795219530000-keep-updates-hot.js';
import { AddSources1795219570000 } from './1795219570000-add-sources.js';
import { ExplainProviderStates1795219580000 } from './1795219580000-explain-provider-states.js';
import { KeepProbes1795219590000 } from './1795219590000-keep-probes.js';
import { GiveMoreDisk1795219600000 } from './1795219600000-give-more-disk.js';
import { TrustDatabase1795305620000 } from './1795305620000-trust-database.js';
import { IndexLogCursors1795305621000 } from './1795305621000-index-log-cursors.js';
import { DropRunIndex1795305622000 } from './1795305622000-drop-run-index.js';
import { MergeArtifactIndexes1795305623000 } from './1795305623000-merge-artifact-indexes.js';
import { DropReadyIndex1795305624000 } from './1795305624000-drop-ready-index.js';
import { KnowWhoSawClusters1795305630000 } from './1795305630000-know-who-saw-clusters.js';
import { KeepWhatSourcesKnow1795305640000 } from './1795305640000-keep-what-sources-know.js';
import { SayWhatACancelWasFor1795305641000 } from './1795305641000-say-what-a-cancel-was-for.js';
import { KnowWhoHoldsSources1795305642000 } from './1795305642000-know-who-holds-sources.js';
import { IdentifyDatabase1795305643000 } from './1795305643000-identify-database.js';
import { OrderParkedByTenant1795391000000 } from './1795391000000-order-parked-by-tenant.js';
import { KnowUnprovedEnds1795391100000 } from './1795391100000-know-unproved-ends.js';
import { KeepRunClock1795391200000 } from './1795391200000-keep-run-clock.js';
import { KnowWhenShardsWereFreed1795391600000 } from './1795391600000-know-when-shards-were-freed.js';

/** Every migration in order; the last one's name is the schema version that both processes ask for. */
export const MIGRATIONS = [
  CreateTenants1795219200000,
  CreateProviders1795219260000,
  CreateBuilds1795219320000,
  CreateBuildLogs1795219380000,
  CreatePlatform1795219440000,
  OrderBuilds1795219500000,
  AddRetries1795219510000,
  CapUnsweptRuns1795219520000,
  KeepUpdatesHot1795219530000,
  AddSources1795219570000,
  ExplainProviderStates1795219580000,
  KeepProbes1795219590000,
  GiveMoreDisk1795219600000,
  TrustDatabase1795305620000,
  IndexLogCursors1795305621000,
  DropRunIndex1795305622000,
  MergeArtifactIndexes1795305623000,
  DropReadyIndex1795305624000,
  KnowWhoSawClusters1795305630000,
  KeepWhatSourcesKnow1795305640000,
  SayWhatACancelWasFor1795305641000,
  KnowWhoHoldsSources1795305642000,
  IdentifyDatabase1795305643000,
  OrderParkedByTenant1795391000000,
  KnowUnprovedEnds1795391100000,
  KeepRunClock1795391200000,
  KnowWhenShardsWereFreed1795391600000,
] as const;

export const SCHEMA_VERSION = KnowWhenShardsWereFreed1795391600000.name;
