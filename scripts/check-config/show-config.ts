import {
  type ClusterConfig,
  type DeclaredCluster,
  formatDuration,
  unreadableFiles,
} from '@image-factory/cluster-registry';

/** The lines that show a file as it is understood: every cluster with what it becomes, then the numbers. */
export async function showConfig(config: ClusterConfig): Promise<string[]> {
  const clusters = await Promise.all(config.clusters.map(showCluster));
  const { maxIdleMs, maxClients, healthIntervalMs, healthTimeoutMs } = config.settings;
  const numbers = [
    ...setting('connection_pool.max_idle', maxIdleMs, formatDuration),
    ...setting('connection_pool.max_clients', maxClients, String),
    ...setting('health_check.interval', healthIntervalMs, formatDuration),
    ...setting('health_check.timeout', healthTimeoutMs, formatDuration),
  ];
  return [...clusters.flat(), ...(numbers.length === 0 ? [] : ['', ...numbers])];
}

function setting(name: string, value: number | undefined, show: (value: number) => string): string[] {
  return value === undefined ? [] : [`${name}: ${show(value)}`];
}

async function showCluster(cluster: DeclaredCluster): Promise<string[]> {
  const { name, type, region, config, capabilities, labels, maxConcurrentBuilds, describe } = cluster;
  const rows: [string, string | undefined][] = [
    ['provider_type', type],
    ['region', region],
    ...Object.entries(config),
    ['endpoint', describe === undefined ? undefined : cloudNames(describe)],
    ['capabilities', capabilities.length === 0 ? undefined : capabilities.join(', ')],
    ['labels', labelText(labels)],
    ['max_concurrent_builds', maxConcurrentBuilds?.toString()],
  ];
  const shown = new Map(rows.filter((row): row is [string, string] => row[1] !== undefined));
  const width = Math.max(...[...shown.keys()].map((key) => key.length));
  const missing = await unreadableFiles(cluster.files);
  return [
    '',
    `${name}${cluster.isDefault ? ' (default)' : ''}, line ${cluster.line}`,
    ...[...shown].map(([key, value]) => `  ${key.padEnd(width)}  ${value}`),
    ...missing.map(({ message }) => `  ! ${message} The cluster waits for it; the others do not.`),
  ];
}

function cloudNames({ auth_method: _method, ...names }: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(names).map(([key, value]) => `${key} ${value}`);
  return `asked of its cloud, by ${pairs.join(', ')}`;
}

function labelText(labels: Readonly<Record<string, string>>): string | undefined {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? undefined : pairs.join(', ');
}
