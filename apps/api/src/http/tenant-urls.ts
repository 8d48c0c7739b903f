import { Inject, Injectable } from '@nestjs/common';
import { gitRepositoryUrl, imageRepository } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';

/**
 * Judges the addresses that tenants type. A name that does not resolve here may resolve where the build runs, and is
 * judged there again when a socket is opened: only a forbidden one is refused.
 */
@Injectable()
export class TenantUrls {
  constructor(@Inject(EgressPolicy) private readonly egress: EgressPolicy) {}

  /** Why this clone URL may not be used; undefined when it may. Malformed ones are the grammar's business. */
  async gitRefusal(url: unknown): Promise<string | undefined> {
    if (typeof url !== 'string' || gitRepositoryUrl(url) !== undefined) return undefined;
    const scp = /^([^/@]+)@([^:/]+):(.*)$/.exec(url);
    return this.refusal(scp === null ? url : `ssh://${scp[1]}@${scp[2]}/${scp[3]}`, 'git');
  }

  /** Why this image repository may not be pushed to; undefined when it may. */
  async registryRefusal(repository: unknown): Promise<string | undefined> {
    if (typeof repository !== 'string' || repository === '' || imageRepository(repository) !== undefined)
      return undefined;
    return this.refusal(`https://${repository}`, 'registry');
  }

  private async refusal(url: string, purpose: 'git' | 'registry'): Promise<string | undefined> {
    const verdict = await this.egress.check(url, purpose);
    if (verdict.allowed || verdict.reason === 'ResolutionFailed') return undefined;
    return `is refused: ${verdict.message}`;
  }
}
