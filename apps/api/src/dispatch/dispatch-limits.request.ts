import { IntegerField } from '../http/validation/fields.js';

export class DispatchLimitsRequest {
  @IntegerField(0, 1_000_000, {
    nullable: true,
    description: 'Builds that run at once in all tenants together; null: only the limits of tenants and providers',
    example: 200,
  })
  readonly max_concurrent_builds!: number | null;
}
