import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@image-factory/domain';
import { PostgresBuildHistory, PostgresBuilds } from '@image-factory/persistence';
import { stringify } from 'yaml';
import { audienceOf } from '../../access/audience.js';
import type { TenantScope } from '../../http/request-scope.js';
import { tenantDocument } from './tenant-document.js';

/** The stored PipelineRun as it is sent to a reader. */
export interface PipelineRunText {
  readonly mediaType: string;
  readonly text: string;
}

const YAML_MEDIA_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'];

/** The PipelineRun of an attempt: what the cluster last said of it, else what was sent. Secrets are never in it. */
@Injectable()
export class GetPipelineRun {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
  ) {}

  async execute(
    { tenantId, caller }: TenantScope,
    buildId: string,
    attempt: number | undefined,
    accept: string | undefined,
  ): Promise<PipelineRunText> {
    await this.builds.get(tenantId, buildId);
    const stored = await this.history.document(buildId, attempt);
    if (stored === undefined) {
      throw new DomainError({
        kind: 'NotFound',
        reason: 'NotFound',
        message: `build ${buildId} has no PipelineRun${attempt === undefined ? ' yet' : ` for attempt ${attempt}`}`,
      });
    }
    const whole = audienceOf(caller.role) === 'platform';
    const document = whole ? stored.document : tenantDocument(stored.document);
    return wantsYaml(accept)
      ? { mediaType: 'application/yaml; charset=utf-8', text: stringify(document) }
      : { mediaType: 'application/json; charset=utf-8', text: JSON.stringify(document) };
  }
}

/** The first media type of `Accept` that we have decides; JSON when none is named. */
function wantsYaml(accept: string | undefined): boolean {
  const wanted = (accept ?? '').split(',').map((part) => part.split(';', 1)[0]?.trim().toLowerCase() ?? '');
  const first = wanted.find((type) => type === 'application/json' || YAML_MEDIA_TYPES.includes(type));
  return first !== undefined && first !== 'application/json';
}
