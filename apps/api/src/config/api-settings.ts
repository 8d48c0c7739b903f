import type { ClockLimits } from '@image-factory/domain';
import type { StreamLimits } from '../stream/stream-limits.js';

/** DI token of {@link ApiSettings}. */
export const API_SETTINGS = Symbol('ApiSettings');

/** The part of the environment that use cases look at. */
export interface ApiSettings {
  readonly tektonEnabled: boolean;
  readonly clocks: ClockLimits;
  /** Directories below which `*_path` fields of providers may point. */
  readonly credentialDirs: readonly string[];
  /** Origin of a cloud's API → origin where it is reached. */
  readonly cloudEndpoints: Readonly<Record<string, string>>;
  /** Set when the process runs in a pod. */
  readonly inCluster: { readonly host: string; readonly port: number } | undefined;
  readonly version: string;
  readonly streams: StreamLimits;
}
