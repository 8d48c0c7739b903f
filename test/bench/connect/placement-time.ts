import { chooseProvider, type PlacementFacts, type PlacementRequest, type Provider } from '@image-factory/domain';
import { toResult, type MeasuredResult } from '../report.ts';

const CLUSTERS = 500;
const REGIONS = ['eu-west-1', 'us-east-1', 'ap-south-1'];

/**
 * How long the choice of one provider takes, all filters and scores included, for builds of a thousand projects. Half of
 * the builds ask for a capability and a label, so that filters refuse with their messages as well as let pass.
 */
export function measurePlacement(quick: boolean): MeasuredResult[] {
  const facts = fleetOf(CLUSTERS);
  for (let warmUp = 0; warmUp < 500; warmUp += 1) chooseProvider(requestOf(warmUp), facts);
  const samples: number[] = [];
  for (let index = 0; index < (quick ? 500 : 2_000); index += 1) {
    const request = requestOf(index);
    const startedMs = performance.now();
    const { chosen } = chooseProvider(request, facts);
    samples.push((performance.now() - startedMs) * 1000);
    if (chosen === undefined) throw new Error('a placement found no provider');
  }
  const title = `one placement decision over ${CLUSTERS} clusters, µs`;
  const target = { text: 'under 1,000', met: (value: number) => value < 1_000 };
  return [
    toResult({ id: 'placement', title, samples, q: 0.5, target }),
    toResult({ id: 'placement-p99', title: `${title}, p99`, samples, q: 0.99 }),
  ];
}

function requestOf(index: number): PlacementRequest {
  const demanding = index % 2 === 0;
  return {
    tenantId: `tenant-${index % 50}`,
    projectId: `project-${index % 1_000}`,
    buildMethod: 'kaniko',
    infrastructureType: 'kubernetes',
    resources: { cpuMillis: 1_000, memoryBytes: 2 ** 31 },
    registry: 'registry.example',
    requirements: demanding
      ? { capabilities: ['arm64'], labels: { environment: 'production' }, preferredRegion: 'eu-west-1' }
      : { capabilities: [], labels: {} },
  };
}

function fleetOf(clusters: number): PlacementFacts {
  const providers = Array.from({ length: clusters }, (_, index) => clusterOf(index));
  return {
    providers,
    grantedProviderIds: new Set(),
    history: new Map(
      providers.map(({ id }, index) => [
        id,
        {
          ended: index % 40,
          failed: index % 3,
          startSeconds: index % 30,
          unreachedRegistries: [],
          runningByTenant: new Map([[`tenant-${index % 50}`, index % 4]]),
        },
      ]),
    ),
  };
}

function clusterOf(index: number): Provider {
  const id = `01930000-0000-7000-8000-${String(index).padStart(12, '0')}`;
  const at = new Date(0);
  return {
    id,
    name: `cluster-${index}`,
    type: 'kubernetes',
    source: 'api',
    isGlobal: true,
    isDefault: false,
    state: index % 25 === 0 ? 'cordoned' : 'enabled',
    drainDeadlineAt: undefined,
    generation: 1,
    settings: {},
    capabilities: index % 2 === 0 ? ['amd64', 'arm64'] : ['amd64', 'gpu'],
    labels: { environment: index % 3 === 0 ? 'staging' : 'production' },
    maxConcurrentBuilds: 50,
    running: index % 50,
    unswept: 0,
    sweepBehind: false,
    region: REGIONS[index % REGIONS.length],
    pricePerMinute: index % 5 === 0 ? undefined : index % 7,
    allowPrivileged: false,
    shardCount: 8,
    health: {
      verdict: 'healthy',
      conditions: ['Reachable', 'TektonAvailable', 'Schedulable', 'RequestsAccepted'].map((type) => ({
        type,
        status: 'True' as const,
        reason: 'Fine',
        message: '',
        lastTransitionTime: at,
      })),
      firstLossAt: undefined,
      probedAt: at,
      tektonAnswers: true,
      watchFresh: true,
    },
    createdAt: at,
    updatedAt: at,
  };
}
