import { describe, expect, it } from 'vitest';
import { adoptedConfig, adoptedProviderId, adoptionIssues, type AdoptionRule, isAdoptedByRule } from './adoption.js';
import type { FoundClusterKey } from './found-cluster.js';

const EKS: FoundClusterKey = {
  cloud: 'aws',
  account: '123456789012',
  location: 'eu-west-1',
  resourceGroup: '',
  name: 'build-1',
};
const GKE: FoundClusterKey = { ...EKS, cloud: 'gcp', account: 'farm-1', location: 'europe-west1' };
const AKS: FoundClusterKey = { ...EKS, cloud: 'azure', account: '1-2', resourceGroup: 'rg' };

describe('an adopted cluster', () => {
  it('is entered by the identity that its cloud gives', () => {
    expect([adoptedConfig(EKS, { role_arn: 'r' }), adoptedConfig(GKE), adoptedConfig(AKS)]).toEqual([
      { auth_method: 'eks-iam', cluster_name: 'build-1', region: 'eu-west-1', role_arn: 'r' },
      { auth_method: 'gke-workload-identity', project_id: 'farm-1', location: 'europe-west1', cluster_name: 'build-1' },
      { auth_method: 'aks-managed-identity', subscription_id: '1-2', resource_group: 'rg', cluster_name: 'build-1' },
    ]);
  });

  it('has an id of its own by everything that tells it apart', () => {
    const keys = [EKS, GKE, AKS, { ...EKS, account: 'x' }, { ...EKS, location: 'x' }, { ...AKS, resourceGroup: 'x' }];
    expect(new Set(keys.map(adoptedProviderId)).size).toBe(keys.length);
  });

  it('of a cloud of its own is entered there', () => {
    expect(adoptedConfig(AKS, { client_id: 'c' }, { azure_cloud: 'AzureChina' })).toMatchObject({
      azure_cloud: 'AzureChina',
      client_id: 'c',
    });
  });

  it('of Azure is the same, whatever the case in which its cloud writes it', () => {
    expect(adoptedProviderId({ ...AKS, resourceGroup: 'RG', name: 'BUILD-1' })).toBe(adoptedProviderId(AKS));
    expect(adoptedProviderId({ ...EKS, name: 'BUILD-1' })).not.toBe(adoptedProviderId(EKS));
  });

  it('takes no field that its cloud does not have, and no wrong value', () => {
    const role = 'arn:aws:iam::123456789012:role/builder';
    expect(adoptionIssues(EKS, { role_arn: role })).toEqual([]);
    expect(
      adoptionIssues(EKS, { role_arn: 'x', client_id: 'y', secret_access_key: 'z' }).map(({ path }) => path),
    ).toEqual(['config.role_arn', 'config.client_id', 'config.secret_access_key']);
    expect(adoptionIssues(GKE, { endpoint_kind: 5, constructor: 'x' })).toHaveLength(2);
  });
});

describe('a rule of adoption', () => {
  const rule = (more: Partial<AdoptionRule>): AdoptionRule => ({
    cloud: 'aws',
    location: '*',
    name: '*',
    tag: undefined,
    ...more,
  });

  it.each<[string, Partial<AdoptionRule>, boolean]>([
    ['takes what matches', {}, true],
    ['takes any cloud', { cloud: '*' }, true],
    ['passes over another cloud', { cloud: 'gcp' }, false],
    ['takes a location by its beginning', { location: 'eu-*' }, true],
    ['passes over another location', { location: 'us-*' }, false],
    ['takes a name by its parts', { name: 'b*d-*1' }, true],
    ['passes over a name that is longer', { name: 'build' }, false],
    ['passes over a name whose parts overlap', { name: 'build-1*1' }, false],
    ['takes a tag', { tag: { key: 'image-factory', value: 'true' } }, true],
    ['passes over another value of a tag', { tag: { key: 'image-factory', value: 'no' } }, false],
    ['passes over a tag that is not there', { tag: { key: 'constructor', value: '' } }, false],
  ])('%s', (_name, more, expected) => {
    expect(isAdoptedByRule([rule(more)], EKS, { 'image-factory': 'true' })).toBe(expected);
  });

  it('is needed', () => {
    expect(isAdoptedByRule([], EKS, {})).toBe(false);
  });

  it('does not take long, however many stars it has', () => {
    const began = performance.now();
    const name = `${'a*'.repeat(50)}b`;
    expect(isAdoptedByRule([rule({ name })], { ...EKS, name: 'a'.repeat(100) }, {})).toBe(false);
    expect(performance.now() - began).toBeLessThan(50);
  });
});
