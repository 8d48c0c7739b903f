import { describe, expect, it } from 'vitest';
import { readEnv } from './env.js';
import { parseAdoptRules } from './source-variables.js';

const BASE = { IF_DATABASE_URL: 'postgres://localhost/x', HOME: '/home/factory' };

describe('the sources of providers', () => {
  it('are none without settings', () => {
    const result = readEnv(BASE);
    expect(result.kind === 'valid' && result.env.sources).toEqual({
      configFile: undefined,
      home: '/home/factory',
      discovery: {
        everyMinutes: 60,
        awsRegions: [],
        gcpProjects: [],
        gcpLocations: ['-'],
        azureSubscriptions: [],
        azureCloud: 'AzureCloud',
        adopt: [],
      },
    });
  });

  it('are read from lists', () => {
    const result = readEnv({
      ...BASE,
      IF_CONFIG_FILE: '/etc/clusters.yaml',
      IF_DISCOVERY_AWS_REGIONS: 'eu-west-1, us-gov-west-1',
      IF_DISCOVERY_GCP_PROJECTS: 'farm-1',
      IF_DISCOVERY_GCP_LOCATIONS: 'europe-west1,europe-west1-b',
      IF_DISCOVERY_AZURE_SUBSCRIPTIONS: '11111111-2222-3333-4444-555555555555',
      IF_DISCOVERY_AZURE_CLOUD: 'AzureChina',
      IF_DISCOVERY_MINUTES: '0',
      IF_DISCOVERY_ADOPT: 'aws/eu-*/build-*#image-factory=true,*/*/shared',
    });
    expect(result.kind === 'valid' && result.env.sources).toMatchObject({
      configFile: '/etc/clusters.yaml',
      discovery: {
        everyMinutes: 0,
        awsRegions: ['eu-west-1', 'us-gov-west-1'],
        gcpProjects: ['farm-1'],
        gcpLocations: ['europe-west1', 'europe-west1-b'],
        azureSubscriptions: ['11111111-2222-3333-4444-555555555555'],
        azureCloud: 'AzureChina',
        adopt: [
          { cloud: 'aws', location: 'eu-*', name: 'build-*', tag: { key: 'image-factory', value: 'true' } },
          { cloud: '*', location: '*', name: 'shared', tag: undefined },
        ],
      },
    });
  });

  it('are refused with all that is wrong', () => {
    const result = readEnv({
      ...BASE,
      IF_CONFIG_FILE: 'clusters.yaml',
      IF_DISCOVERY_AWS_REGIONS: 'Ireland',
      IF_DISCOVERY_GCP_PROJECTS: 'x',
      IF_DISCOVERY_GCP_LOCATIONS: '*',
      IF_DISCOVERY_AZURE_SUBSCRIPTIONS: 'mine',
      IF_DISCOVERY_AZURE_CLOUD: 'AzureGermany',
      IF_DISCOVERY_ADOPT: 'aws/eu-west-1',
    });
    expect(result.kind === 'invalid' && result.problems.map(({ name }) => name)).toEqual([
      'IF_CONFIG_FILE',
      'IF_DISCOVERY_AWS_REGIONS',
      'IF_DISCOVERY_GCP_PROJECTS',
      'IF_DISCOVERY_GCP_LOCATIONS',
      'IF_DISCOVERY_AZURE_SUBSCRIPTIONS',
      'IF_DISCOVERY_AZURE_CLOUD',
      'IF_DISCOVERY_ADOPT',
    ]);
  });

  it.each(['oracle/x/y', 'aws/x', 'aws/x/y#tag', 'aws/x/y/z', 'aws/e u/x'])('have no rule %j', (rule) => {
    expect(parseAdoptRules([rule])).toBeUndefined();
  });
});
