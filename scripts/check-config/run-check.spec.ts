import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../start/settings.ts';
import { runCheck, USAGE } from './run-check.ts';

describe('check:config', () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'if-check-config-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function check(text: string): Promise<{ exitCode: number; text: string }> {
    const file = join(directory, 'clusters.yaml');
    await writeFile(file, text);
    const { exitCode, lines } = await runCheck([file], directory);
    return { exitCode, text: lines.join('\n').replaceAll(directory, 'DIR') };
  }

  it('shows the clusters as understood, with the files that are missing, and ends with 0', async () => {
    await writeFile(join(directory, 'token'), 'secret-token');
    const text = `kubernetes:
  health_check: {interval: 1m}
  clusters:
    - name: near
      provider: onprem
      endpoint: https://near.example
      auth: {method: service-account, token_path: ~/token, ca_path: ~/ca.crt}
      labels: {zone: a}
      default: true
    - name: far
      provider: aws
      region: eu-west-1
      auth: {method: service-account, token_path: ~/token}
`;
    expect(await check(text)).toEqual({
      exitCode: 0,
      text: `DIR/clusters.yaml: 2 clusters

near (default), line 4
  provider_type  kubernetes
  auth_method    token
  token_path     DIR/token
  ca_path        DIR/ca.crt
  endpoint       https://near.example
  labels         zone=a
  ! The credential file DIR/ca.crt does not exist or cannot be reached. The cluster waits for it; the others do not.

far, line 10
  provider_type  aws-eks
  region         eu-west-1
  auth_method    token
  token_path     DIR/token
  endpoint       asked of its cloud, by cluster_name far, region eu-west-1

health_check.interval: 1m`,
    });
  });

  it('shows every problem with its line and ends with 1', async () => {
    const text =
      'kubernetes:\n  default_cluster: b\n  clusters:\n    - name: a\n      provider: local\n      auth: {method: magic}\n';
    expect(await check(text)).toEqual({
      exitCode: 1,
      text: `DIR/clusters.yaml:2:20 kubernetes.default_cluster "b" is not the name of one of the clusters
DIR/clusters.yaml:6:22 kubernetes.clusters[0].auth.method "magic" is not one of service-account, iam, cert, kubeconfig, in-cluster

2 problems`,
    });
  });

  it.each([[[]], [['a', 'b']], [['--help']]])('ends with 2 and its usage for the arguments %j', async (args) => {
    expect(await runCheck(args, directory)).toEqual({ exitCode: 2, lines: [USAGE] });
  });

  it('ends with 1 for a file that cannot be read, and says why', async () => {
    const nowhere = join(directory, 'nowhere.yaml');
    const { exitCode, lines } = await runCheck([nowhere], directory);
    expect({ exitCode, lines }).toEqual({
      exitCode: 1,
      lines: [expect.stringMatching(/nowhere\.yaml: cannot be read: ENOENT: no such file or directory/)],
    });
    expect((await runCheck([directory], directory)).lines[0]).toContain('EISDIR');
  });

  it('accepts the example of this project', async () => {
    expect(await runCheck([join(ROOT, 'examples/config/clusters.yaml')], directory)).toMatchObject({ exitCode: 0 });
  });
});
