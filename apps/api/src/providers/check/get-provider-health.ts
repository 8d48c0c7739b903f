import { Inject, Injectable } from '@nestjs/common';
import { PostgresProbes, PostgresProviders } from '@image-factory/persistence';
import { type ProviderHealthResponse, toProviderHealthResponse } from './provider-health.response.js';

/** What is known of a provider's health: by probes, by dispatchers that follow it. The cluster itself is not asked. */
@Injectable()
export class GetProviderHealth {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(PostgresProbes) private readonly probes: PostgresProbes,
  ) {}

  /** @throws DomainError NotFound ProviderNotFound */
  async execute(id: string): Promise<ProviderHealthResponse> {
    const provider = await this.providers.get(id);
    const [probes, sights] = await Promise.all([this.probes.last(id), this.probes.sights(id)]);
    return toProviderHealthResponse(provider, probes, sights);
  }
}
