import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';

const read = (path: string): string => {
  if (path === '/gone') throw new Error('ENOENT');
  return 'from the file\n';
};

describe('the options of check:cloud', () => {
  it('are fields of the provider config', () => {
    const args = ['aws', '--region', 'us-east-1', '--cluster-name', 'prod', '--secret-access-key-file', '/key'];
    expect(readOptions(args, read)).toEqual({
      type: 'aws-eks',
      config: { auth_method: 'eks-iam', region: 'us-east-1', cluster_name: 'prod', secret_access_key: 'from the file' },
    });
  });

  it.each([
    [[], /must be aws, gcp or azure/],
    [['digitalocean'], /not "digitalocean"/],
    [['aws', 'region'], /not an option/],
    [['aws', '--region'], /needs a value/],
    [['aws', '--region', 'a', '--region', 'b'], /twice/],
    [['azure', '--client-secret', 's'], /--client-secret-file/],
    [['gcp', '--service-account-key-file', '/gone'], /cannot be read/],
  ])('are refused: %j', (args, message) => {
    expect(readOptions(args, read)).toMatch(message);
  });
});
