import { displayName, labelKey, labelValue } from '@image-factory/domain';
import {
  BooleanField,
  ChoiceField,
  IntegerField,
  ListField,
  MapField,
  NestedField,
  ObjectField,
  TextField,
} from '../http/validation/fields.js';
import { ListRequest } from '../http/response/list.request.js';

const MOST_SCOPES = 100;
/** What may stand in an API's host name or path. */
const place = (text: string): string | undefined =>
  /^[A-Za-z0-9][A-Za-z0-9.:-]{0,98}$/.test(text) ? undefined : 'must be letters, digits, dots, colons and dashes';
const location = (text: string): string | undefined => (text === '-' ? undefined : place(text));

export class AwsScopesRequest {
  @ListField(place, MOST_SCOPES, { description: 'Regions', example: ['eu-west-1'] })
  readonly regions!: string[];
}

export class GcpScopesRequest {
  @ListField(place, MOST_SCOPES, { description: 'Ids of projects' })
  readonly projects!: string[];

  @ListField(location, MOST_SCOPES, { optional: true, description: 'Regions and zones; all when absent' })
  readonly locations?: string[];
}

export class AzureScopesRequest {
  @ListField(place, MOST_SCOPES, { description: 'Ids of subscriptions' })
  readonly subscriptions!: string[];
}

/** What is looked at; without any cloud: what the dispatchers are configured with (IF_DISCOVERY_*). */
export class StartDiscoveryRequest {
  @NestedField(() => AwsScopesRequest, { optional: true, description: 'EKS' })
  readonly aws?: AwsScopesRequest;

  @NestedField(() => GcpScopesRequest, { optional: true, description: 'GKE' })
  readonly gcp?: GcpScopesRequest;

  @NestedField(() => AzureScopesRequest, { optional: true, description: 'AKS' })
  readonly azure?: AzureScopesRequest;
}

export class ListDiscoveredRequest extends ListRequest {
  @ChoiceField(['aws', 'gcp', 'azure'], { optional: true, description: 'Of one cloud' })
  readonly cloud?: 'aws' | 'gcp' | 'azure';
}

export class AdoptClusterRequest {
  @TextField(displayName, { optional: true, description: 'Unique; the cluster’s own when absent' })
  readonly name?: string;

  @BooleanField({ optional: true, description: 'For all tenants' })
  readonly is_global?: boolean;

  @IntegerField(0, 100_000, { optional: true, description: 'Builds at once; 0 means no limit' })
  readonly max_concurrent_builds?: number;

  @ListField(labelValue, 50, { optional: true, description: 'What builds may ask for' })
  readonly capabilities?: string[];

  @MapField(labelKey, labelValue, 50, { optional: true, description: 'Labels' })
  readonly labels?: Record<string, string>;

  @ObjectField({
    optional: true,
    description: 'The identity that enters it: role_arn, external_id; service_account, endpoint_kind; client_id',
  })
  readonly config?: Record<string, unknown>;
}
