import type { ConfigFileState } from '@image-factory/persistence';
import { Shown, ShownAs, timeOrNull } from '../http/response/shown.js';

export class ConfigProblemResponse {
  @Shown('integer', { description: 'From 1' }) readonly line!: number;
  @Shown('integer', { description: 'From 1' }) readonly column!: number;
  @Shown('text', { example: 'kubernetes.clusters[2].auth.method' }) readonly path!: string;
  @Shown('text') readonly message!: string;
}

export class RefusedNameResponse {
  @Shown('text') readonly name!: string;
  @Shown('integer') readonly line!: number;
  @Shown('text', { description: 'Source of the provider that has the name' }) readonly taken_by!: string;
  @Shown('id') readonly provider_id!: string;
}

export class ConfigRejectionResponse {
  @Shown('text', { description: 'SHA-256 of the content' }) readonly hash!: string;
  @Shown('time') readonly rejected_at!: string;
  @Shown('text', { description: 'Host of the dispatcher that read it' }) readonly rejected_by!: string;
  @ShownAs(() => ConfigProblemResponse, { list: true }) readonly problems!: readonly ConfigProblemResponse[];
}

export class StaleConfigResponse {
  @Shown('text', { description: 'SHA-256 of the content' }) readonly hash!: string;
  @Shown('time') readonly seen_at!: string;
  @Shown('text', { description: 'Host of the dispatcher that has it' }) readonly seen_by!: string;
}

/** The clusters' configuration file: what is in force, and what was rejected after it. */
export class ConfigFileResponse {
  @Shown('text', { choices: ['none', 'in_force', 'rejected'], description: 'rejected: an older content is in force' })
  readonly status!: string;
  @Shown('text', { nullable: true }) readonly path!: string | null;
  @Shown('text', { nullable: true, description: 'SHA-256 of the content in force' }) readonly hash!: string | null;
  @Shown('time', { nullable: true }) readonly applied_at!: string | null;
  @Shown('text', { nullable: true, description: 'Host of the dispatcher that applied it' })
  readonly applied_by!: string | null;
  @Shown('object', { description: 'connection_pool and health_check, durations in ms' })
  readonly settings!: Readonly<Record<string, number>>;
  @ShownAs(() => RefusedNameResponse, { list: true, description: 'Clusters whose name another provider has' })
  readonly refused!: readonly RefusedNameResponse[];
  @ShownAs(() => ConfigRejectionResponse, { nullable: true }) readonly rejection!: ConfigRejectionResponse | null;
  @ShownAs(() => StaleConfigResponse, {
    nullable: true,
    description: 'A dispatcher started with a content that was in force before; it does not use it',
  })
  readonly stale!: StaleConfigResponse | null;
}

const SETTING_NAMES: Readonly<Record<string, string>> = {
  maxIdleMs: 'max_idle_ms',
  maxClients: 'max_clients',
  healthIntervalMs: 'health_interval_ms',
  healthTimeoutMs: 'health_timeout_ms',
};

function toSettings(settings: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [SETTING_NAMES[name] ?? name, value]));
}

export function toConfigFileResponse(state: ConfigFileState | undefined): ConfigFileResponse {
  const { rejection, stale } = state ?? {};
  return {
    status: rejection !== undefined ? 'rejected' : state?.hash === undefined ? 'none' : 'in_force',
    path: state?.path ?? null,
    hash: state?.hash ?? null,
    applied_at: timeOrNull(state?.appliedAt),
    applied_by: state?.appliedBy ?? null,
    settings: toSettings(state?.settings ?? {}),
    refused: (state?.refused ?? []).map(({ name, line, source, providerId }) => {
      return { name, line, taken_by: source, provider_id: providerId };
    }),
    rejection:
      rejection === undefined
        ? null
        : {
            hash: rejection.hash,
            rejected_at: rejection.at.toISOString(),
            rejected_by: rejection.by,
            problems: rejection.problems,
          },
    stale: stale === undefined ? null : { hash: stale.hash, seen_at: stale.at.toISOString(), seen_by: stale.by },
  };
}
