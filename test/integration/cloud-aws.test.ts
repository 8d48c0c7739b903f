import { FakeKubeApiServer } from '@image-factory/test-support';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  closedPort,
  CloudStub,
  type CloudTask,
  CloudProcesses,
  type StubAnswer,
  type StubRequest,
} from './cloud-support.ts';
import { signingKey, verifyEksToken } from './sigv4-verifier.ts';

const OWN = { id: 'AKIAOWNOWNOWNOWNOWN1', secret: 'own-secret-key-canary-0123456789abcdef' };
const ROLE = {
  id: 'ASIAROLEROLEROLEROL1',
  secret: 'role-secret-key-canary-0123456789abcd',
  token: 'role-session-canary',
};
const ROLE_ARN = 'arn:aws:iam::123456789012:role/image-factory';
const SECRETS = [OWN.secret, ROLE.secret, ROLE.token, 'k8s-aws-v1.'];
const KEYS: Readonly<Record<string, string>> = { [OWN.id]: OWN.secret, [ROLE.id]: ROLE.secret };

let server: FakeKubeApiServer;
let stub: CloudStub;
const processes = new CloudProcesses(SECRETS);
let describeAnswer: (request: StubRequest) => StubAnswer;
let roleAnswer: (request: StubRequest) => StubAnswer;
const refusedTokens: string[] = [];

const FIELDS = { auth_method: 'eks-iam', cluster_name: 'prod', region: 'us-east-1' };

beforeAll(async () => {
  server = await FakeKubeApiServer.start();
  stub = await CloudStub.start();
  // The API server takes a token when an independent reading of the specification does.
  server.tokens.get = (token: string) => {
    try {
      return verifyEksToken(token, 'prod', 'us-east-1', (id) => KEYS[id]).accessKeyId;
    } catch (error) {
      refusedTokens.push(String(error));
      return undefined;
    }
  };
});

beforeEach(() => {
  refusedTokens.length = 0;
  server.requests.length = 0;
  stub.requests.length = 0;
  describeAnswer = () => ({ body: { cluster: cluster() } });
  roleAnswer = () => ({ body: assumed() });
  stub.answer = (request) => (request.method === 'POST' ? roleAnswer(request) : describeAnswer(request));
});

afterAll(async () => {
  await processes.close();
  await server.close();
  await stub.close();
});

/** As `GET /clusters/{name}` of the EKS API answers. */
function cluster(more: object = {}): object {
  return {
    name: 'prod',
    arn: 'arn:aws:eks:us-east-1:123456789012:cluster/prod',
    status: 'ACTIVE',
    version: '1.34',
    endpoint: server.url,
    certificateAuthority: { data: Buffer.from(server.ca).toString('base64') },
    resourcesVpcConfig: { endpointPublicAccess: true, endpointPrivateAccess: true, publicAccessCidrs: ['0.0.0.0/0'] },
    createdAt: 1_700_000_000,
    ...more,
  };
}

/** As `AssumeRole` of STS answers (query protocol). */
function assumed(): string {
  return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>AROA:image-factory</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/image-factory/image-factory</Arn></AssumedRoleUser>
    <Credentials><AccessKeyId>${ROLE.id}</AccessKeyId><SecretAccessKey>${ROLE.secret}</SecretAccessKey>
    <SessionToken>${ROLE.token}</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration></Credentials>
    </AssumeRoleResult><ResponseMetadata><RequestId>11111111-2222-3333-4444-555555555555</RequestId></ResponseMetadata></AssumeRoleResponse>`;
}

function stsError(status: number, code: string): StubAnswer {
  const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>refused for ${OWN.secret}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`;
  return { status, body };
}

function eksError(status: number, type: string): StubAnswer {
  const headers = { 'x-amzn-errortype': type, 'x-amzn-requestid': 'r-2' };
  return { status, headers, body: { message: `refused for ${OWN.secret}` } };
}

function run(fields: Readonly<Record<string, string>> = {}, more: Partial<CloudTask> = {}, env = {}) {
  const task = { type: 'aws-eks', fields: { ...FIELDS, ...fields }, ...more };
  return processes.do(task, {
    AWS_ENDPOINT_URL_EKS: stub.url,
    AWS_ENDPOINT_URL_STS: stub.url,
    AWS_ACCESS_KEY_ID: OWN.id,
    AWS_SECRET_ACCESS_KEY: OWN.secret,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...env,
  });
}

describe('the verifier', () => {
  it('derives the key of the published example', () => {
    const key = signingKey('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', '20150830', 'us-east-1', 'iam');
    expect(key.toString('hex')).toBe('c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9');
  });
});

describe('an EKS cluster', () => {
  it('is entered with a token that the default chain signed, described once and minted once for two connections', async () => {
    expect(await run({}, { connections: 2, requests: 3 })).toMatchObject({ connections: 2 });
    expect(refusedTokens).toEqual([]);
    expect(server.requests.map((request) => request.user)).toEqual(Array(6).fill(OWN.id));
    expect(new Set(server.requests.map((request) => request.token)).size).toBe(1);
    expect(stub.seen('/clusters/prod')).toHaveLength(1);
    expect(stub.requests[0]?.headers.authorization).toContain(`Credential=${OWN.id}/`);
  });

  it('is entered as a role, assumed once with the external id, and so described', async () => {
    await run({ role_arn: ROLE_ARN, external_id: 'tenant-7' }, { connections: 2, requests: 2 });
    expect(refusedTokens).toEqual([]);
    expect(server.requests.map((request) => request.user)).toEqual(Array(4).fill(ROLE.id));
    const assumes = stub.requests.filter((request) => request.method === 'POST');
    expect(assumes).toHaveLength(1);
    expect(Object.fromEntries(new URLSearchParams(assumes[0]?.body))).toMatchObject({
      Action: 'AssumeRole',
      RoleArn: ROLE_ARN,
      ExternalId: 'tenant-7',
      RoleSessionName: 'image-factory',
    });
    expect(stub.seen('/clusters/prod')[0]?.headers).toMatchObject({ 'x-amz-security-token': ROLE.token });
    const token = String(server.requests[0]?.token);
    const facts = verifyEksToken(token, 'prod', 'us-east-1', (id) => KEYS[id]);
    expect(facts.sessionToken).toBe(ROLE.token);
    expect(Math.abs(facts.signedAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(() => verifyEksToken(token, 'other', 'us-east-1', (id) => KEYS[id])).toThrow('signature');
    expect(() => verifyEksToken(token, 'prod', 'us-east-1', () => 'another secret')).toThrow('signature');
  });

  it('is entered by the key of the config instead of the chain, and needs no description with endpoint and CA', async () => {
    const own = { access_key_id: OWN.id, secret_access_key: OWN.secret, endpoint: server.url, ca_cert: server.ca };
    await run(own, {}, { AWS_ACCESS_KEY_ID: 'AKIAOTHEROTHEROTHER1', AWS_SECRET_ACCESS_KEY: 'other' });
    expect(server.requests.map((request) => request.user)).toEqual([OWN.id]);
    expect(stub.requests).toHaveLength(0);
  });

  it('is entered over a web identity of the process', async () => {
    roleAnswer = (request) => {
      expect(request.body).toContain('Action=AssumeRoleWithWebIdentity');
      return { body: assumed().replaceAll('AssumeRoleRe', 'AssumeRoleWithWebIdentityRe') };
    };
    const env = {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_ROLE_ARN: ROLE_ARN,
      AWS_WEB_IDENTITY_TOKEN_FILE: new URL(import.meta.url).pathname,
      AWS_REGION: 'us-east-1',
    };
    expect((await run({}, {}, env)).versions).toHaveLength(1);
    expect(server.requests.map((request) => request.user)).toEqual([ROLE.id]);
  });
});

describe('a refusal of AWS', () => {
  const REFUSALS: readonly (readonly [string, () => void, object, object, RegExp])[] = [
    [
      'an expired session',
      () => (describeAnswer = () => eksError(403, 'ExpiredTokenException')),
      {},
      { reason: 'CloudCredentialExpired', fault: 'platform', retryable: false },
      /session has expired; renew it/,
    ],
    [
      'a role that may not be assumed',
      () => (roleAnswer = () => stsError(403, 'AccessDenied')),
      { role_arn: ROLE_ARN },
      { reason: 'CloudAccessDenied', fault: 'user', retryable: false, kind: 'NotAllowed' },
      /assuming the role arn:aws:iam::123456789012:role\/image-factory is denied; let the trust policy/,
    ],
    [
      'an expired session that cannot assume',
      () => (roleAnswer = () => stsError(403, 'ExpiredToken')),
      { role_arn: ROLE_ARN },
      { reason: 'CloudCredentialExpired' },
      /session has expired/,
    ],
    [
      'an identity that may not describe',
      () => (describeAnswer = () => eksError(403, 'AccessDeniedException')),
      {},
      { reason: 'CloudAccessDenied', fault: 'user' },
      /grant the identity eks:DescribeCluster/,
    ],
    [
      'throttling by EKS',
      () => (describeAnswer = () => eksError(429, 'TooManyRequestsException')),
      {},
      { reason: 'CloudThrottled', fault: 'cluster', retryable: true },
      /throttled by AWS; it is tried again by itself/,
    ],
    [
      'throttling by STS',
      () => (roleAnswer = () => stsError(400, 'Throttling')),
      { role_arn: ROLE_ARN },
      { reason: 'CloudThrottled', retryable: true },
      /throttled/,
    ],
    [
      'a cluster that is not there',
      () => (describeAnswer = () => eksError(404, 'ResourceNotFoundException')),
      {},
      { reason: 'CloudClusterNotFound', fault: 'user', kind: 'NotFound' },
      /check cluster_name, region and role_arn/,
    ],
    [
      'a cluster that is not active',
      () => (describeAnswer = () => ({ body: { cluster: cluster({ status: 'CREATING', endpoint: undefined }) } })),
      {},
      { reason: 'CloudClusterNotActive', fault: 'cluster', retryable: true },
      /is CREATING, not ACTIVE/,
    ],
    [
      'an outage',
      () => (describeAnswer = () => eksError(500, 'ServerException')),
      {},
      { reason: 'CloudUnavailable', fault: 'cluster', retryable: true },
      /tried again by itself/,
    ],
  ];

  it.each(REFUSALS)('has a reason, a fault and a cure: %s', async (_name, arrange, fields, expected, cure) => {
    arrange();
    const { error } = await run(fields as Record<string, string>);
    expect(error).toMatchObject({ ...expected, outcome: 'notSent' });
    expect(error?.message).toMatch(/^EKS cluster prod in us-east-1: /);
    expect(error?.message).toMatch(cure);
    expect(server.requests).toHaveLength(0);
  });

  it('says so when the process has no identity at all', async () => {
    const { error } = await run({}, {}, { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' });
    expect(error).toMatchObject({ reason: 'CloudCredentialMissing', fault: 'platform' });
    expect(error?.message).toContain('access_key_id and secret_access_key');
  });

  it('says so when the endpoint is private and not reached', async () => {
    const endpoint = `https://127.0.0.1:${await closedPort()}`;
    const resourcesVpcConfig = { endpointPublicAccess: false, endpointPrivateAccess: true };
    describeAnswer = () => ({ body: { cluster: cluster({ endpoint, resourcesVpcConfig }) } });
    const { error } = await run();
    expect(error).toMatchObject({ reason: 'ClusterEndpointPrivate', fault: 'cluster', outcome: 'notSent' });
    expect(error?.message).toMatch(/run the dispatcher inside its VPC/);
  });

  it('reaches no address that the egress rules refuse, whoever names it', async () => {
    const { error } = await run({}, { egressAllow: ['10.0.0.0/8'] });
    expect(error).toMatchObject({ reason: 'EgressForbidden', outcome: 'notSent' });
    expect(stub.requests).toHaveLength(0);
    describeAnswer = () => ({ body: { cluster: cluster({ endpoint: 'https://169.254.169.254' }) } });
    expect((await run()).error).toMatchObject({ reason: 'EgressForbidden' });
  });
});
