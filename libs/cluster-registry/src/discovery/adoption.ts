import { validateProviderConfig } from '@image-factory/cluster-connectors';
import type { Issue } from '@image-factory/domain';
import { stableProviderId } from '../environment/environment-provider.js';
import type { FoundClusterKey } from './found-cluster.js';

/** What an administrator may say about the identity with which an adopted cluster is entered; nothing of it is secret. */
export const ADOPTION_FIELDS: Readonly<Record<FoundClusterKey['cloud'], readonly string[]>> = {
  aws: ['role_arn', 'external_id'],
  gcp: ['service_account', 'endpoint_kind'],
  azure: ['client_id'],
};

const TYPES = { aws: 'aws-eks', gcp: 'gcp-gke', azure: 'azure-aks' } as const;
const RULES = { allowedCredentialDirs: [], allowPaths: false };

/** The id of the provider that a found cluster becomes: a function of its key, so that it is the same row ever after. */
export function adoptedProviderId(key: FoundClusterKey): string {
  const text = [key.cloud, key.account, key.location, key.resourceGroup, key.name].join('\n');
  return stableProviderId('discovery', key.cloud === 'azure' ? text.toLowerCase() : text);
}

/**
 * The provider's config by product.md's names: the cloud's identity, and the cluster's name there. `facts`: what was
 * found of it, as it is stored.
 */
export function adoptedConfig(
  key: FoundClusterKey,
  identity: Readonly<Record<string, string>> = {},
  facts: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, string>> {
  if (key.cloud === 'aws') {
    return { auth_method: 'eks-iam', cluster_name: key.name, region: key.location, ...identity };
  }
  if (key.cloud === 'gcp') {
    const place = { project_id: key.account, location: key.location, cluster_name: key.name };
    return { auth_method: 'gke-workload-identity', ...place, ...identity };
  }
  const place = { subscription_id: key.account, resource_group: key.resourceGroup, cluster_name: key.name };
  const { azure_cloud: cloud } = facts;
  const elsewhere = typeof cloud === 'string' ? { azure_cloud: cloud } : {};
  return { auth_method: 'aks-managed-identity', ...place, ...elsewhere, ...identity };
}

/** What is wrong with the identity that was said; paths are `config.<field>`. */
export function adoptionIssues(key: FoundClusterKey, identity: Readonly<Record<string, unknown>>): Issue[] {
  const fields = ADOPTION_FIELDS[key.cloud];
  const foreign = Object.keys(identity).filter((name) => !fields.includes(name));
  const own = Object.fromEntries(Object.entries(identity).filter(([name]) => fields.includes(name)));
  return [
    ...validateProviderConfig(TYPES[key.cloud], { ...adoptedConfig(key), ...own }, RULES),
    ...foreign.map((name) => ({
      path: `config.${name}`,
      message: `is not a field here; there are ${fields.join(', ')}`,
    })),
  ];
}

/** A cluster that matches is adopted without an administrator. `*` stands for any letters. */
export interface AdoptionRule {
  readonly cloud: FoundClusterKey['cloud'] | '*';
  readonly location: string;
  readonly name: string;
  /** A tag or label that it must have. */
  readonly tag: { readonly key: string; readonly value: string } | undefined;
}

/** True when one of the rules says that this cluster is used without asking. */
export function isAdoptedByRule(
  rules: readonly AdoptionRule[],
  key: FoundClusterKey,
  tags: Readonly<Record<string, string>>,
): boolean {
  return rules.some((rule) => {
    if (rule.cloud !== '*' && rule.cloud !== key.cloud) return false;
    if (!glob(rule.location, key.location) || !glob(rule.name, key.name)) return false;
    return rule.tag === undefined || (Object.hasOwn(tags, rule.tag.key) && tags[rule.tag.key] === rule.tag.value);
  });
}

/** Without a regular expression: a rule with many stars must not take long. */
function glob(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  if (!text.startsWith(first)) return false;
  if (rest.length === 0) return text === first;
  let at = first.length;
  for (const part of rest.slice(0, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  const last = rest.at(-1) ?? '';
  return text.length - last.length >= at && text.endsWith(last);
}
