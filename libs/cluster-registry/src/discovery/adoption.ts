import type { Grammar, Issue } from '@image-factory/domain';
import { stableProviderId } from '../environment/environment-provider.js';
import { awsExternalId, awsRoleArn, azureId, gcpServiceAccount } from '../config-file/cloud-grammar.js';
import type { FoundClusterKey } from './found-cluster.js';

/** What an administrator may say about the identity with which an adopted cluster is entered; nothing of it is secret. */
export const ADOPTION_FIELDS: Readonly<Record<FoundClusterKey['cloud'], Readonly<Record<string, Grammar>>>> = {
  aws: { role_arn: awsRoleArn, external_id: awsExternalId },
  gcp: {
    service_account: gcpServiceAccount,
    endpoint_kind: (text) => (text === 'ip' || text === 'dns' ? undefined : 'must be ip or dns'),
  },
  azure: { client_id: azureId },
};

/** The id of the provider that a found cluster becomes: a function of its key, so that it is the same row ever after. */
export function adoptedProviderId(key: FoundClusterKey): string {
  return stableProviderId('discovery', [key.cloud, key.account, key.location, key.resourceGroup, key.name].join('\n'));
}

/** The provider's config by product.md's names: the cloud's identity, and the cluster's name there. */
export function adoptedConfig(
  key: FoundClusterKey,
  identity: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  if (key.cloud === 'aws') {
    return { auth_method: 'eks-iam', cluster_name: key.name, region: key.location, ...identity };
  }
  if (key.cloud === 'gcp') {
    const place = { project_id: key.account, location: key.location, cluster_name: key.name };
    return { auth_method: 'gke-workload-identity', ...place, ...identity };
  }
  const place = { subscription_id: key.account, resource_group: key.resourceGroup, cluster_name: key.name };
  return { auth_method: 'aks-managed-identity', ...place, ...identity };
}

/** What is wrong with the identity that was said; paths are `config.<field>`. */
export function adoptionIssues(cloud: FoundClusterKey['cloud'], identity: Readonly<Record<string, unknown>>): Issue[] {
  const fields = ADOPTION_FIELDS[cloud];
  return Object.entries(identity).flatMap(([name, value]) => {
    const grammar = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const path = `config.${name}`;
    if (grammar === undefined) {
      return [{ path, message: `is not a field here; there are ${Object.keys(fields).join(', ')}` }];
    }
    const problem = typeof value === 'string' ? grammar(value) : 'must be a text';
    return problem === undefined ? [] : [{ path, message: problem }];
  });
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
