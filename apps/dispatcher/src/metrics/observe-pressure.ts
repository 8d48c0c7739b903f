import type { ClassPressure, PressureView } from '@image-factory/cluster-connectors';
import type { GaugeName, GaugeReading, Metrics } from '@image-factory/telemetry';

/** More clusters than this are not told apart: a label for each would make the scrape grow without bound. */
const MAX_CLUSTERS = 1_000;
const BREAKER = { closed: 0, half_open: 1, open: 2 } as const;

type Pressures = ReadonlyMap<string, PressureView>;

/** Rate, tokens and breaker of each cluster, and who waits for it, by class. */
export function observePressure(metrics: Metrics, read: () => Pressures): void {
  const perCluster = (name: GaugeName, value: (view: PressureView) => number): void =>
    metrics.observeMany(name, () =>
      shown(read()).map(([provider, view]) => ({ value: value(view), attributes: { provider } })),
    );
  const perClass = (name: GaugeName, value: (one: ClassPressure) => number): void =>
    metrics.observeMany(name, () => shown(read()).flatMap(([provider, view]) => byClass(provider, view, value)));
  perCluster('clusterRate', (view) => view.ratePerSecond);
  perCluster('clusterTokens', (view) => view.tokens);
  perCluster('clusterBreaker', (view) => BREAKER[view.breaker]);
  perClass('clusterWaiting', (one) => one.waiting);
  perClass('clusterInFlight', (one) => one.inFlight);
  perClass('clusterGranted', (one) => one.granted);
  perClass('clusterRefused', (one) => one.refused);
  perClass('clusterWaited', (one) => one.waitedMs / 1000);
}

function shown(pressures: Pressures): (readonly [string, PressureView])[] {
  return [...pressures].slice(0, MAX_CLUSTERS);
}

function byClass(provider: string, view: PressureView, value: (one: ClassPressure) => number): GaugeReading[] {
  return Object.entries(view.classes).map(([requestClass, one]) => ({
    value: value(one),
    attributes: { provider, class: requestClass },
  }));
}
