import { type ClusterAccess, CloudSessions, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { FAKE_CLIENT_CERTIFICATE, FakeClock } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CloudStub } from './cloud-support.ts';

const FIELDS = {
  auth_method: 'eks-iam',
  cluster_name: 'prod',
  region: 'us-east-1',
  role_arn: 'arn:aws:iam::123456789012:role/image-factory',
  endpoint: 'https://prod.example',
  ca_cert: FAKE_CLIENT_CERTIFICATE,
  access_key_id: 'AKIAIOSFODNN7EXAMPLE',
  secret_access_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const MINUTE_MS = 60_000;

let stub: CloudStub;
let clock: FakeClock;
let sessions: number;
beforeEach(async () => {
  stub = await CloudStub.start();
  clock = new FakeClock();
  sessions = 0;
  stub.answer = () => ({ body: assumed((sessions += 1)) });
});
afterEach(() => stub.close());

/** As `AssumeRole` of STS answers (query protocol). */
function assumed(number: number): string {
  const end = new Date(clock.now().getTime() + 60 * MINUTE_MS).toISOString();
  return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
    <AccessKeyId>ASIAROLEROLEROLEROL1</AccessKeyId><SecretAccessKey>secret-${number}</SecretAccessKey>
    <SessionToken>session-${number}</SessionToken><Expiration>${end}</Expiration></Credentials>
    </AssumeRoleResult></AssumeRoleResponse>`;
}

const CONTEXT = { fileRules: { allowedDirs: [], anyPath: false } };

function clouds(): CloudSessions {
  const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
  const redirects = {
    'https://sts.us-east-1.amazonaws.com': stub.url,
    'https://eks.us-east-1.amazonaws.com': stub.url,
  };
  return new CloudSessions({ egress, clock, redirects, random: () => 0.5 });
}

async function broker() {
  const access: ClusterAccess = await resolveAccess('eks-iam', FIELDS, { ...CONTEXT, cloud: clouds() });
  return access.identity.kind === 'broker' ? access.identity.broker : expect.unreachable('no broker');
}

/** The role session that a token was signed with. */
function sessionOf(token: string): string | null {
  const url = new URL(Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString());
  return url.searchParams.get('X-Amz-Security-Token');
}

describe('the session of a role', () => {
  it('is kept over the tokens that it signs', async () => {
    const tokens = await broker();
    const signed = new Set<string>();
    for (let minute = 0; minute < 20; minute += 1) {
      signed.add(await tokens.read());
      await clock.advance(MINUTE_MS);
    }
    expect(signed.size).toBeGreaterThan(1);
    expect([...signed].map(sessionOf)).toEqual([...signed].map(() => 'session-1'));
    expect(sessions).toBe(1);
  });

  it('goes with a token that the cluster refuses: it may be revoked', async () => {
    const tokens = await broker();
    const first = await tokens.read();
    expect(await tokens.invalidate(first)).toBe(false);
    expect(sessions).toBe(1);
    await clock.advance(2 * MINUTE_MS);
    expect(await tokens.invalidate(first)).toBe(true);
    expect(sessionOf(await tokens.read())).toBe('session-2');
    expect(sessions).toBe(2);
  });

  it('is not made anew for each refusal of a cluster that refuses everything', async () => {
    const tokens = await broker();
    for (let second = 0; second < 45 * 60; second += 5) {
      await tokens.invalidate(await tokens.read());
      await clock.advance(5_000);
    }
    // After 1, 1, 2, 4 and 8 minutes.
    expect(sessions).toBe(6);
  });

  it('goes with a description that the cloud refuses, too', async () => {
    const { endpoint, ca_cert, ...fields } = FIELDS;
    const data = Buffer.from(ca_cert).toString('base64');
    stub.answer = ({ method, headers }) => {
      if (method === 'POST') return { body: assumed((sessions += 1)) };
      if (headers['x-amz-security-token'] !== 'session-1') {
        return { body: { cluster: { status: 'ACTIVE', endpoint, certificateAuthority: { data } } } };
      }
      return { status: 403, headers: { 'x-amzn-errortype': 'ExpiredTokenException' }, body: {} };
    };
    const cloud = clouds();
    const enter = () => resolveAccess('eks-iam', fields, { ...CONTEXT, cloud });
    for (let tried = 0; tried < 2; tried += 1) {
      await expect(enter()).rejects.toMatchObject({ reason: 'CloudCredentialExpired' });
      await clock.advance(2 * MINUTE_MS);
    }
    expect(await enter()).toMatchObject({ server: endpoint });
    // An address of the operator's is asked under the name that was signed.
    expect(stub.seen('/clusters/prod').map(({ headers }) => headers.host)).toEqual(
      Array(3).fill('eks.us-east-1.amazonaws.com'),
    );
  });
});
