import { CONNECTION_STEPS } from '@image-factory/cluster-connectors';
import { Shown, ShownAs } from '../../http/response/shown.js';

/** One step of the way to a cluster. */
export class ConnectionStepResponse {
  @Shown('text', { choices: CONNECTION_STEPS }) readonly name!: string;
  @Shown('text', { choices: ['passed', 'failed', 'skipped'] }) readonly status!: string;
  @Shown('text', { optional: true }) readonly reason?: string;
  @Shown('text', { optional: true }) readonly message?: string;
  @Shown('text', { optional: true, description: 'What to do, when it failed' }) readonly fix?: string;
  @Shown('object', {
    optional: true,
    description: 'What was seen: addresses, the peer’s certificate, user name, version, missing permissions',
  })
  readonly details?: Readonly<Record<string, unknown>>;
  @Shown('number') readonly duration_ms!: number;
}

/** The way to a cluster, step by step; a local provider has none. */
export class ConnectionTestResponse {
  @Shown('boolean') readonly passed!: boolean;
  @ShownAs(() => ConnectionStepResponse, { list: true }) readonly steps!: readonly ConnectionStepResponse[];
}

export class ReadinessCheckResponse {
  @Shown('text', { example: 'tekton_api' }) readonly name!: string;
  @Shown('text', { choices: ['ok', 'warning', 'failed', 'skipped'] }) readonly status!: string;
  @Shown('text') readonly reason!: string;
  @Shown('text') readonly message!: string;
  @Shown('text', { description: 'What to do; empty when nothing is to be done' }) readonly fix!: string;
  @Shown('number') readonly duration_ms!: number;
}

/** Whether builds can run on a provider. */
export class ReadinessResponse {
  @Shown('boolean', { description: 'No check failed' }) readonly ready!: boolean;
  @ShownAs(() => ReadinessCheckResponse, { list: true }) readonly checks!: readonly ReadinessCheckResponse[];
  @Shown('texts', { description: 'Failed checks in the order in which to fix them' })
  readonly missing_prereqs!: readonly string[];
}
