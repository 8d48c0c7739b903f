import { DomainError, type Issue } from '@image-factory/domain';
import { AksCluster } from '../cloud/azure/aks-cluster.js';
import { AZURE_CLOUD_NAMES, type AzureCloud, isAzureCloud } from '../cloud/azure/azure-clouds.js';
import { cloudStrategy, grammarIssues, neededIssues, requiredText } from './cloud-access.js';
import { type ConfigFields, fieldText } from './connector-strategy.js';
import { endpointIssues } from './endpoint-issues.js';
import { normalServer } from './server-url.js';

const GUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const GRAMMARS = {
  subscription_id: [GUID, 'must be the id of an Azure subscription'],
  resource_group: [/^[\w().-]{0,89}[\w()-]$/, 'must be the name of a resource group'],
  cluster_name: [/^[0-9A-Za-z](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z])?$/, 'must be the name of an AKS cluster'],
  client_id: [GUID, 'must be the client id of an identity'],
  tenant_id: [
    /^(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9A-Za-z](?:[0-9A-Za-z.-]{0,120}[0-9A-Za-z])?)$/,
    'must be the id or domain of an Entra tenant',
  ],
  azure_cloud: [/^(?:AzureCloud|AzureUSGovernment|AzureChina)$/, `must be one of ${AZURE_CLOUD_NAMES.join(', ')}`],
  client_secret: [/^[\x21-\x7e]{1,512}$/, 'must be a client secret of printable ASCII'],
} as const;

/**
 * An AKS cluster by an Azure identity: a client secret when one is given, else workload identity when the process has
 * it, else the managed identity of its host. Azure names server and CA; a cluster without Entra is entered by the
 * credential of its local account.
 */
export const aksManagedIdentityStrategy = cloudStrategy({
  method: 'aks-managed-identity',
  validate(fields, context): readonly Issue[] {
    return [
      ...grammarIssues(fields, GRAMMARS),
      ...endpointIssues(fields, context),
      ...neededIssues(fields, [
        ['client_secret', 'client_id'],
        ['client_secret', 'tenant_id'],
        ['tenant_id', 'client_id'],
      ]),
    ];
  },
  cloud(fields, { http }) {
    const endpoint = fieldText(fields, 'endpoint');
    const config = {
      subscriptionId: requiredText(fields, 'subscription_id'),
      resourceGroup: requiredText(fields, 'resource_group'),
      clusterName: requiredText(fields, 'cluster_name'),
      identity: {
        cloud: cloudOf(fields),
        clientId: fieldText(fields, 'client_id'),
        tenantId: fieldText(fields, 'tenant_id'),
        clientSecret: fieldText(fields, 'client_secret'),
      },
      endpoint: endpoint === undefined ? undefined : normalServer(endpoint),
    };
    return new AksCluster(config, http);
  },
});

/** A name that is none of them is refused: credentials are not sent to another cloud than the one that was meant. */
function cloudOf(fields: ConfigFields): AzureCloud {
  const name = fieldText(fields, 'azure_cloud') ?? 'AzureCloud';
  if (isAzureCloud(name)) return name;
  throw new DomainError({
    kind: 'InvalidInput',
    reason: 'ProviderConfigInvalid',
    message: `The provider config is wrong: azure_cloud must be one of ${AZURE_CLOUD_NAMES.join(', ')}.`,
    details: { outcome: 'notSent' },
  });
}
