import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readCluster, shippedObjects, type TestCluster } from './support/cluster.ts';
import { Platform } from './support/platform.ts';
import { until } from './support/rest-client.ts';

const PROVIDERS = '/admin/infrastructure/providers';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLE = `${RBAC}/clusterroles/image-factory?fieldManager=kubectl&force=true`;
/** What Kubernetes itself grants to everybody who is known; a hardened cluster does not. */
const DEFAULT_BINDINGS = ['system:basic-user', 'system:discovery', 'system:public-info-viewer'];

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

interface Role {
  readonly kind: string;
  readonly rules: readonly Rule[];
}

/** Shown only: without it the provider says in `detected` what could not be read (test/integration/detection.test.ts). */
const SHOWN_ONLY = 'pipelines-info';

const role = shippedObjects().find(({ kind }) => kind === 'ClusterRole') as unknown as Role;

/** Each verb of each rule on each thing, and the role without it. */
const grants = role.rules.flatMap((rule, index) => {
  const things = rule.resourceNames?.includes(SHOWN_ONLY) ? [] : (rule.resources ?? rule.nonResourceURLs ?? []);
  const key = rule.resources === undefined ? 'nonResourceURLs' : 'resources';
  return things.flatMap((thing) =>
    rule.verbs.map((verb) => {
      const others = [
        { ...rule, verbs: rule.verbs.filter((one) => one !== verb) },
        { ...rule, verbs: [verb], [key]: things.filter((one) => one !== thing) },
      ].filter((one) => one.verbs.length > 0 && (one[key] ?? []).length > 0);
      const without = { ...role, rules: [...role.rules.slice(0, index), ...others, ...role.rules.slice(index + 1)] };
      return { verb, thing, without };
    }),
  );
});

/** What says so when it is missing: the list of permissions, or the one step that needs it. */
const NAMED_BY: Readonly<Record<string, RegExp>> = {
  nodes: /cluster_capacity.*nodes/,
  storageclasses: /storage.*storageclasses/,
  selfsubjectaccessreviews: /permissions.*selfsubjectaccessreviews/,
  '/version': /version.*(not allowed|forbidden|\/version)/i,
  '/api': /authenticate.*(not allowed|forbidden|\/api)/i,
};

describe('the role that we ship', () => {
  let platform: Platform;
  let cluster: TestCluster;
  let providerId: string;
  const taken: object[] = [];

  beforeAll(async () => {
    cluster = readCluster('second');
    platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'shipped-role', dispatchers: 0 });
    const config = {
      auth_method: 'token',
      endpoint: cluster.apiServerUrl,
      ca_cert: Buffer.from(cluster.caData, 'base64').toString('utf8'),
      token: await cluster.shippedToken(),
    };
    const provider = { name: 'second', provider_type: 'kubernetes', is_global: true, config };
    providerId = (await platform.admin.ok<{ id: string }>('POST', PROVIDERS, provider)).id;
    for (const name of DEFAULT_BINDINGS) {
      const path = `${RBAC}/clusterrolebindings/${name}`;
      const { body } = await cluster.kube('GET', path);
      const { metadata, roleRef, subjects, apiVersion, kind } = body as Record<string, Record<string, unknown>>;
      const { labels, annotations } = metadata ?? {};
      taken.push({ apiVersion, kind, metadata: { name, labels, annotations }, roleRef, subjects });
      await cluster.kube('DELETE', path);
    }
  });
  afterAll(async () => {
    for (const binding of taken) await cluster.kube('POST', `${RBAC}/clusterrolebindings`, binding);
    await cluster.kube('PATCH', ROLE, role);
    await platform.stop();
  });

  /** A line for each check that fails, with its name. */
  async function failures(): Promise<string[]> {
    const path = `${PROVIDERS}/${providerId}`;
    const readiness = await platform.admin.ok<{ checks: Check[] }>('GET', `${path}/readiness`);
    const connection = await platform.admin.ok<{ steps: Check[] }>('POST', `${path}/test-connection`);
    return [...readiness.checks, ...connection.steps]
      .filter(({ status }) => status === 'failed')
      .map(({ name, reason, message }) => `${name} ${reason} ${message}`);
  }

  it('is enough where Kubernetes grants nothing by itself', async () => {
    await until('no check to fail', 10_000, async () => ((await failures()).length === 0 ? true : undefined));
  });

  it.each(grants)('without $verb on $thing names what is missing', async ({ verb, thing, without }) => {
    expect((await cluster.kube('PATCH', ROLE, without)).status).toBe(200);
    const named = NAMED_BY[thing] ?? new RegExp(`(lacks: |, |^)?${verb} ${thing}`);
    const seen = await until(`a failure that names ${verb} ${thing}`, 10_000, async () =>
      (await failures()).find((line) => named.test(line)),
    );
    expect(seen).toMatch(named);
  });
});

interface Check {
  readonly name: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}
