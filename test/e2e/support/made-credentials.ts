import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clusterFilePath, type TestCluster } from './cluster.ts';
import { until } from './rest-client.ts';

const ACCOUNT = '/api/v1/namespaces/image-factory-system';
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';

/** Makes credentials of the second cluster with the rights of the shipped role, and takes them back. */
export class MadeCredentials {
  readonly #cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** A token that is good while a Secret of this name exists. */
  async tokenBoundTo(secret: string): Promise<string> {
    const metadata = { name: secret };
    await this.#cluster.kube('POST', `${ACCOUNT}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata });
    const { body } = await this.#cluster.kube('POST', `${ACCOUNT}/serviceaccounts/image-factory/token`, {
      spec: { expirationSeconds: 3600, boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: secret } },
    });
    return String(body.status?.['token']);
  }

  /** Ends the tokens that are bound to a Secret. */
  async revoke(secret: string): Promise<void> {
    await this.#cluster.kube('DELETE', `${ACCOUNT}/secrets/${secret}`);
  }

  /** The API server remembers a token's review for some seconds. */
  async refused(token: string): Promise<void> {
    await until('the old token to be refused', 30_000, async () => {
      const { body } = await this.#cluster.kube('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token },
      });
      return body.status?.['authenticated'] === true ? undefined : true;
    });
  }

  /** A kubeconfig, in JSON, that comes with a token. */
  kubeconfig(token: string): string {
    const cluster = {
      server: this.#cluster.apiServerUrl,
      'certificate-authority-data': this.#cluster.caData,
    };
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'c',
      users: [{ name: 'u', user: { token } }],
    });
  }

  /** A certificate, in PEM, of the cluster's own authority for a user of this name. */
  async certificateOf(user: string, days: number): Promise<{ readonly crt: string; readonly key: string }> {
    const authority = join(dirname(clusterFilePath('second')), 'pki');
    const directory = mkdtempSync(join(tmpdir(), 'image-factory-cert-'));
    const at = (name: string): string => join(directory, name);
    try {
      const issuer = ['-CA', join(authority, 'ca.crt'), '-CAkey', join(authority, 'ca.key')];
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key')];
      const subject = ['-subj', `/CN=${user}`, '-days', String(days), '-out', at('crt')];
      const usage = ['-addext', 'extendedKeyUsage=clientAuth', '-addext', 'basicConstraints=critical,CA:FALSE'];
      execFileSync('openssl', ['req', '-x509', ...issuer, ...key, ...subject, ...usage], { stdio: 'pipe' });
      await this.#bind(user);
      return { crt: readFileSync(at('crt'), 'utf8'), key: readFileSync(at('key'), 'utf8') };
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  /** A user of this name may nothing any more. */
  async unbind(user: string): Promise<void> {
    await this.#cluster.kube('DELETE', `${BINDINGS}/${user}`);
  }

  async #bind(user: string): Promise<void> {
    await this.#cluster.kube('POST', BINDINGS, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: user },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'image-factory' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    });
  }
}
