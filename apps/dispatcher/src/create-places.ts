import { DomainError, type Clock } from '@image-factory/domain';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { DispatcherEnv } from './config/env.js';
import type { DispatcherPlaces, DispatcherStores } from './runtime/runtime-parts.js';

export interface PlacesContext {
  readonly host: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The real places: Tekton on clusters, the local host, the registries. */
export function createPlaces(_env: DispatcherEnv, _stores: DispatcherStores, _context: PlacesContext): DispatcherPlaces {
  throw new DomainError({ kind: 'Internal', reason: 'Internal', message: 'no executors' });
}
