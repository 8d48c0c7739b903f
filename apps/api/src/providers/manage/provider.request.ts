import {
  displayName,
  labelKey,
  labelValue,
  PROVIDER_STATES,
  PROVIDER_TYPES,
  type ProviderState,
  type ProviderType,
} from '@image-factory/domain';
import {
  BooleanField,
  ChoiceField,
  IdField,
  IntegerField,
  ListField,
  MapField,
  NumberField,
  ObjectField,
  boundedText,
  QueryBooleanField,
  TextField,
  TimeField,
} from '../../http/validation/fields.js';

class ProviderFields {
  @BooleanField({ optional: true, description: 'For all tenants; never for local providers' })
  readonly is_global?: boolean;

  @ListField(labelValue, 50, { optional: true, description: 'What builds may ask for' })
  readonly capabilities?: string[];

  @MapField(labelKey, labelValue, 50, { optional: true, description: 'Labels' })
  readonly labels?: Record<string, string>;

  @IntegerField(0, 100_000, { optional: true, description: 'Builds at once; 0 means no limit' })
  readonly max_concurrent_builds?: number;

  @TextField(boundedText(1, 100), { optional: true, nullable: true, description: 'Region' })
  readonly region?: string | null;

  @NumberField(0, 1_000_000, { optional: true, nullable: true, description: 'Price of a minute, in any unit' })
  readonly price_per_minute?: number | null;

  @BooleanField({ optional: true, description: 'Allows methods whose Task needs a privileged pod' })
  readonly allow_privileged?: boolean;
}

export class CreateProviderRequest extends ProviderFields {
  @TextField(displayName, { description: 'Unique' })
  readonly name!: string;

  @ChoiceField(PROVIDER_TYPES, { description: 'What kind of place it is' })
  readonly provider_type!: ProviderType;

  @ObjectField({ optional: true, description: 'Fields by auth_method; secrets in it are write-only' })
  readonly config?: Record<string, unknown>;
}

export class ChangeProviderRequest extends ProviderFields {
  @TextField(displayName, { optional: true, description: 'Unique' })
  readonly name?: string;

  @ObjectField({ optional: true, description: 'Merged into the config: null removes a field, what is left out stays' })
  readonly config?: Record<string, unknown>;
}

export class ChangeProviderStatusRequest {
  @ChoiceField(PROVIDER_STATES, { description: 'What you want of it' })
  readonly status!: ProviderState;

  @TimeField({ optional: true, description: 'draining: what runs then is moved' })
  readonly deadline?: string;

  @TextField(boundedText(1, 500), {
    optional: true,
    description: 'Why; shown with the provider and in the audit trail',
  })
  readonly reason?: string;
}

export class GrantProviderRequest {
  @IdField({ description: 'Tenant that may use the provider' })
  readonly tenant_id!: string;

  @TimeField({ optional: true, nullable: true, description: 'When the grant ends; never when absent' })
  readonly expires_at?: string | null;
}

export class ReadinessRequest {
  @IdField({ optional: true, description: 'Checks permissions in the namespace of this tenant' })
  readonly tenant_id?: string;

  @QueryBooleanField({ description: 'Not supported yet' })
  readonly probe_pvc?: boolean;

  @QueryBooleanField({ description: 'Not supported yet; permissions are always asked for' })
  readonly probe_rbac?: boolean;
}
