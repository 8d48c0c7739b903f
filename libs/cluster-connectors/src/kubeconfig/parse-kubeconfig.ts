import { invalidInput, type Issue, Secret } from '@image-factory/domain';
import { systemClock } from '@image-factory/telemetry';
import { certificateProblem, clientCertificateProblem, privateKeyProblem } from '../auth/pem.js';
import { normalServer, serverUrlProblem } from '../auth/server-url.js';
import type { ClusterAccess, ClusterIdentity } from '../connection/cluster-access.js';
import { checkKubeconfig, type CheckedKubeconfig, type KubeconfigEntry } from './check-kubeconfig.js';
import { readYaml } from './read-yaml.js';

export interface ParseKubeconfigOptions {
  /** Accept an http server; the egress policy decides whether it is reached. Default false. */
  readonly allowHttp?: boolean;
  readonly now?: () => Date;
}

/**
 * Access by one context of a kubeconfig, read by our own allow list: the stock loader would run programs and read files
 * that the text names (facts of the client's `exec`, `auth-provider`, `tokenFile`). Anything but server, CA data, TLS
 * server name, token, or client certificate data refuses the whole file.
 * @throws DomainError InvalidInput KubeconfigInvalid with every refusal and its path, as `users[1].user.exec`
 */
export function parseKubeconfig(text: string, context?: string, options: ParseKubeconfigOptions = {}): ClusterAccess {
  const checked = checkKubeconfig(readYaml(text));
  const issues: Issue[] = [...checked.issues];
  const chosen = choose(checked, context, issues);
  const access = chosen === undefined ? undefined : accessOf(chosen.cluster, chosen.user, options, issues);
  if (issues.length > 0 || access === undefined) {
    throw invalidInput('KubeconfigInvalid', `The kubeconfig is refused: ${summary(issues)}`, issues);
  }
  return access;
}

interface Chosen {
  readonly cluster: KubeconfigEntry;
  readonly user: KubeconfigEntry;
}

function choose(checked: CheckedKubeconfig, wanted: string | undefined, issues: Issue[]): Chosen | undefined {
  const only = checked.contexts.size === 1 ? [...checked.contexts.keys()][0] : undefined;
  const name = wanted ?? checked.currentContext ?? only;
  const context = name === undefined ? undefined : checked.contexts.get(name);
  if (context === undefined) {
    const message =
      name === undefined ? 'is missing, and no context was named' : 'names a context that is not in the file';
    issues.push({ path: wanted === undefined ? 'current-context' : 'context', message });
    return undefined;
  }
  const cluster = checked.clusters.get(context.texts.get('cluster') ?? '');
  const user = checked.users.get(context.texts.get('user') ?? '');
  if (cluster === undefined)
    issues.push({ path: `${context.path}.cluster`, message: 'names a cluster that is not in the file' });
  if (user === undefined)
    issues.push({ path: `${context.path}.user`, message: 'names a user that is not in the file' });
  return cluster === undefined || user === undefined ? undefined : { cluster, user };
}

function accessOf(
  cluster: KubeconfigEntry,
  user: KubeconfigEntry,
  options: ParseKubeconfigOptions,
  issues: Issue[],
): ClusterAccess | undefined {
  const server = cluster.texts.get('server');
  check(
    issues,
    `${cluster.path}.server`,
    server === undefined ? 'is missing' : serverUrlProblem(server, options.allowHttp),
  );
  const ca = base64Text(cluster, 'certificate-authority-data', issues);
  if (ca !== undefined) check(issues, `${cluster.path}.certificate-authority-data`, certificateProblem(ca));
  const identity = identityOf(user, options, issues);
  if (server === undefined || identity === undefined) return undefined;
  return {
    server: normalServer(server),
    ca: ca === undefined ? undefined : { kind: 'value', value: new Secret(ca) },
    tlsServerName: undefined,
    identity,
  };
}

function identityOf(
  user: KubeconfigEntry,
  options: ParseKubeconfigOptions,
  issues: Issue[],
): ClusterIdentity | undefined {
  const token = user.texts.get('token');
  const certificate = base64Text(user, 'client-certificate-data', issues);
  const key = base64Text(user, 'client-key-data', issues);
  const hasCertificate = user.texts.has('client-certificate-data') || user.texts.has('client-key-data');
  if ((token === undefined) === !hasCertificate) {
    const message = hasCertificate
      ? 'has a token and a client certificate; exactly one credential must be given'
      : 'has no credential that is accepted: a token, or client-certificate-data and client-key-data';
    issues.push({ path: user.path, message });
    return undefined;
  }
  if (token !== undefined) {
    check(
      issues,
      `${user.path}.token`,
      /^[\x21-\x7e]+$/.test(token.trim()) ? undefined : 'must be printable ASCII without spaces',
    );
    return { kind: 'token', token: { kind: 'value', value: new Secret(token.trim()) } };
  }
  if (certificate === undefined || key === undefined) {
    issues.push({ path: user.path, message: 'needs both client-certificate-data and client-key-data' });
    return undefined;
  }
  const now = options.now?.() ?? systemClock.now();
  check(issues, `${user.path}.client-certificate-data`, clientCertificateProblem(certificate, now));
  check(issues, `${user.path}.client-key-data`, privateKeyProblem(key, certificate));
  return {
    kind: 'client-cert',
    certificate: { kind: 'value', value: new Secret(certificate) },
    key: { kind: 'value', value: new Secret(key) },
  };
}

function base64Text(entry: KubeconfigEntry, field: string, issues: Issue[]): string | undefined {
  const encoded = entry.texts.get(field)?.replace(/\s+/g, '');
  if (encoded === undefined) return undefined;
  if (!/^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) {
    issues.push({ path: `${entry.path}.${field}`, message: 'must be base64' });
    return undefined;
  }
  return Buffer.from(encoded, 'base64').toString('utf8');
}

function check(issues: Issue[], path: string, problem: string | undefined): void {
  if (problem !== undefined) issues.push({ path, message: problem });
}

function summary(issues: readonly Issue[]): string {
  const shown = issues.slice(0, 3).map((issue) => `${issue.path} ${issue.message}`);
  return `${shown.join('; ')}${issues.length > 3 ? `; and ${issues.length - 3} more` : ''}.`;
}
