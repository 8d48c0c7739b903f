import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CloudStub } from './cloud-support.ts';
import { verifyEksToken } from './sigv4-verifier.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KEY = { id: 'AKIAOWNOWNOWNOWNOWN1', secret: 'own-secret-key-canary-0123456789abcdef' };

let server: FakeKubeApiServer;
let stub: CloudStub;

beforeEach(async () => {
  server = await FakeKubeApiServer.start();
  stub = await CloudStub.start();
  server.tokens.get = (token: string) => verifyEksToken(token, 'prod', 'us-east-1', () => KEY.secret).accessKeyId;
  stub.answer = () => ({
    body: {
      cluster: {
        status: 'ACTIVE',
        endpoint: server.url,
        certificateAuthority: { data: Buffer.from(server.ca).toString('base64') },
      },
    },
  });
});

afterEach(async () => {
  await server.close();
  await stub.close();
});

function check(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const flags = [
    '--conditions=source',
    '--experimental-transform-types',
    '--disable-warning=ExperimentalWarning',
    '--import',
    join(ROOT, 'test/support/src/typescript-sources.mjs'),
    join(ROOT, 'scripts/cloud/check-cloud.ts'),
  ];
  const env = {
    PATH: '/usr/bin:/bin',
    AWS_ENDPOINT_URL_EKS: stub.url,
    AWS_ACCESS_KEY_ID: KEY.id,
    AWS_SECRET_ACCESS_KEY: KEY.secret,
    AWS_EC2_METADATA_DISABLED: 'true',
    IF_EGRESS_ALLOW: '127.0.0.1',
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [...flags, ...args], { env, timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 99, stdout, stderr });
    });
  });
}

const CLUSTER = ['aws', '--region', 'us-east-1', '--cluster-name', 'prod'];

describe('check:cloud', () => {
  it('goes the whole way, tells each step and what it did not look at, shows no credential, and exits with 0', async () => {
    const { code, stdout, stderr } = await check(...CLUSTER);
    expect(stderr).toBe('');
    const steps = stdout.split('\n').map((line) => line.split(/\s+/).slice(0, 2).join(' '));
    for (const step of [
      'identity',
      'describe',
      'token',
      'resolve',
      'tcp',
      'tls',
      'authenticate',
      'version',
      'permissions',
    ]) {
      expect(steps).toContain(`${step} ok`);
    }
    expect(stdout).toContain('Not looked at: whether Tekton is installed');
    expect(stdout).not.toMatch(/canary|k8s-aws-v1/);
    expect(code).toBe(0);
  });

  it('exits with 1 at the step that fails, with its reason and cure', async () => {
    stub.answer = () => ({
      status: 404,
      headers: { 'x-amzn-errortype': 'ResourceNotFoundException' },
      body: { message: 'no' },
    });
    const { code, stdout } = await check(...CLUSTER);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^describe\s+FAILED\s+CloudClusterNotFound: .*check cluster_name, region and role_arn/m);
    expect(stdout).toContain('A step failed');
    expect(server.requests).toHaveLength(0);
  });

  it.each([
    [[], /must be aws, gcp or azure/],
    [['aws', '--region', 'us-east-1'], /cluster_name is required/],
    [[...CLUSTER, '--colour', 'red'], /colour is not a field/],
  ])('exits with 2 for wrong usage, and says what is right: %j', async (args, message) => {
    const { code, stderr } = await check(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('npm run check:cloud -- aws|gcp|azure');
  });
});
