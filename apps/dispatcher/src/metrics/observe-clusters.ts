import type { RenewalView } from '@image-factory/cluster-connectors';
import type { ConnectionPool } from '@image-factory/cluster-registry';
import { infrastructureTypeOf, isUsable, PROVIDER_HEALTHS, type Provider } from '@image-factory/domain';
import type { GaugeReading, Metrics } from '@image-factory/telemetry';

/** More clusters than this are not told apart: a label for each would make the scrape grow without bound. */
const MAX_CLUSTERS = 1_000;
const STATUS = { True: 1, False: 0, Unknown: -1 } as const;

/**
 * What the next scrape shows of providers: they are read by the pool's upkeep, a scrape asks nobody. Clusters only, and
 * none that is disabled: nobody probes those, and what was seen of them last would stand for ever.
 */
export interface ClusterBoard {
  show(providers: readonly Provider[]): void;
}

/** Health and Conditions of each provider, open connections of each, and the pool by state. */
export function observeClusters(
  metrics: Metrics,
  pool: Pick<ConnectionPool, 'view' | 'openSockets' | 'tokens'>,
): ClusterBoard {
  let shown: readonly Provider[] = [];
  metrics.observeMany('clusterHealth', () => shown.flatMap(healthOf));
  metrics.observeMany('clusterUsable', () =>
    shown.map(({ id, health }) => ({ value: isUsable(health) ? 1 : 0, attributes: { provider: id } })),
  );
  metrics.observeMany('clusterCondition', () => shown.flatMap(conditionsOf));
  metrics.observeMany('clusterCredentialExpiresSoon', () => shown.map(expiresSoon));
  metrics.observeMany('clusterConnections', () =>
    [...pool.openSockets()].slice(0, MAX_CLUSTERS).map(([provider, value]) => ({ value, attributes: { provider } })),
  );
  metrics.observeMany('pooledConnections', () => {
    const { idle, inUse, draining, connecting } = pool.view();
    const states = { idle, in_use: inUse, draining, connecting };
    return Object.entries(states).map(([state, value]) => ({ value, attributes: { state } }));
  });
  observeTokens(metrics, () => [...pool.tokens()].slice(0, MAX_CLUSTERS));
  return {
    show: (providers) => {
      const clusters = providers.filter(
        (one) => one.state !== 'disabled' && infrastructureTypeOf(one.type) === 'kubernetes',
      );
      shown = clusters.slice(0, MAX_CLUSTERS);
    },
  };
}

/** How tokens of clouds are renewed. */
function observeTokens(metrics: Metrics, tokens: () => (readonly [string, RenewalView])[]): void {
  metrics.observeMany('clusterTokenExpiry', () =>
    tokens().flatMap(([provider, { expiresAt }]) =>
      expiresAt === undefined ? [] : [{ value: expiresAt.getTime() / 1000, attributes: { provider } }],
    ),
  );
  metrics.observeMany('clusterTokenRenewals', () =>
    tokens().flatMap(([provider, { renewals, failures }]) => [
      { value: renewals, attributes: { provider, result: 'success' } },
      { value: failures, attributes: { provider, result: 'failure' } },
    ]),
  );
}

function healthOf({ id, health }: Provider): GaugeReading[] {
  return PROVIDER_HEALTHS.map((status) => ({
    value: health.verdict === status ? 1 : 0,
    attributes: { provider: id, status },
  }));
}

function expiresSoon({ id, health }: Provider): GaugeReading {
  const soon = health.conditions.some(({ reason }) => reason === 'CredentialExpiresSoon');
  return { value: soon ? 1 : 0, attributes: { provider: id } };
}

function conditionsOf({ id, health }: Provider): GaugeReading[] {
  return health.conditions.map(({ type, status }) => ({ value: STATUS[status], attributes: { provider: id, type } }));
}
