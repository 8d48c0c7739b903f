import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../machine/command.ts';
import { addresses, type Layout, ports } from '../machine/layout.ts';

/** Ten years, the life of every certificate here. */
const lifeDays = '3650';

interface Certificate {
  readonly name: string;
  /** Distinguished name as openssl writes it: Kubernetes reads O as groups, CN (at most 64 characters) as user. */
  readonly subject: string;
  readonly usage: string;
  readonly alternativeNames?: string;
}

const node = `DNS:${addresses.nodeName},IP:${addresses.node}`;
const service = 'DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc';

const certificates: readonly Certificate[] = [
  {
    name: 'apiserver',
    subject: '/CN=kube-apiserver',
    usage: 'serverAuth',
    alternativeNames: `${service},IP:127.0.0.1,IP:${addresses.apiServer},IP:${addresses.kubernetesService},IP:${addresses.node}`,
  },
  { name: 'apiserver-kubelet', subject: '/O=system:masters/CN=kube-apiserver-kubelet-client', usage: 'clientAuth' },
  { name: 'admin', subject: '/O=system:masters/CN=admin', usage: 'clientAuth' },
  { name: 'kcm', subject: '/CN=system:kube-controller-manager', usage: 'clientAuth' },
  { name: 'scheduler', subject: '/CN=system:kube-scheduler', usage: 'clientAuth' },
  {
    name: 'kubelet',
    subject: `/O=system:nodes/CN=system:node:${addresses.nodeName}`,
    usage: 'serverAuth,clientAuth',
    alternativeNames: node,
  },
];

/** The users that get a kubeconfig of their own, beside `admin`, whose kubeconfig is the cluster's. */
const componentUsers = ['kcm', 'scheduler', 'kubelet'] as const;

export const apiServerUrl = `https://${addresses.apiServer}:${ports.apiServer}`;

const readBase64 = (file: string) => readFileSync(file).toString('base64');

/** The certificate authority's certificate, PEM in base64 as in a kubeconfig's *-data fields. */
export function caData(layout: Layout): string {
  return readBase64(join(layout.pkiDir, 'ca.crt'));
}

/** The bearer token of group system:masters, made at random for each data directory. */
export function adminToken(layout: Layout): string {
  return readFileSync(join(layout.pkiDir, 'tokens.csv'), 'utf8').split(',')[0]!;
}

/** Writes a kubeconfig whose one context signs in with `user` (the lines below `user:`). */
export function writeKubeconfig(file: string, layout: Layout, user: Readonly<Record<string, string>>): void {
  const userLines = Object.entries(user).map(([key, value]) => `    ${key}: ${value}`);
  const lines = [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- name: image-factory-test',
    '  cluster:',
    `    server: ${apiServerUrl}`,
    `    certificate-authority-data: ${caData(layout)}`,
    'contexts:',
    '- name: image-factory-test',
    '  context: {cluster: image-factory-test, user: user}',
    'current-context: image-factory-test',
    'users:',
    '- name: user',
    '  user:',
    ...userLines,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
}

/** Path of the kubeconfig of a component. */
export function componentKubeconfig(layout: Layout, name: string): string {
  return join(layout.pkiDir, `${name}.kubeconfig`);
}

const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

async function makeCertificate(directory: string, certificate: Certificate): Promise<void> {
  const extensions = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    `extendedKeyUsage=${certificate.usage}`,
    ...(certificate.alternativeNames ? [`subjectAltName=${certificate.alternativeNames}`] : []),
  ].flatMap((extension) => ['-addext', extension]);
  const files = ['-keyout', `${certificate.name}.key`, '-out', `${certificate.name}.crt`];
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key'];
  const args = [
    'req',
    '-x509',
    '-config',
    'openssl.cnf',
    ...authority,
    ...ecKey,
    '-days',
    lifeDays,
    '-subj',
    certificate.subject,
    ...extensions,
    ...files,
  ];
  await run('openssl', args, { cwd: directory });
}

async function makeAll(directory: string): Promise<void> {
  writeFileSync(join(directory, 'openssl.cnf'), '[req]\ndistinguished_name = dn\nprompt = no\n[dn]\n');
  const authorityArgs = [
    '-days',
    lifeDays,
    '-subj',
    '/CN=image-factory-test-ca',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  ];
  await run(
    'openssl',
    ['req', '-x509', '-config', 'openssl.cnf', ...ecKey, ...authorityArgs, '-keyout', 'ca.key', '-out', 'ca.crt'],
    { cwd: directory },
  );
  await Promise.all([
    ...certificates.map((certificate) => makeCertificate(directory, certificate)),
    run('openssl', ['genrsa', '-out', 'sa.key', '2048'], { cwd: directory }),
  ]);
  await run('openssl', ['rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub'], { cwd: directory });
  writeFileSync(join(directory, 'tokens.csv'), `${randomBytes(24).toString('hex')},admin,1,system:masters\n`, {
    mode: 0o600,
  });
}

/** Makes keys, certificates, the admin token and the kubeconfigs when the data directory has none. */
export async function ensureCertificates(layout: Layout): Promise<boolean> {
  if (existsSync(layout.pkiDir)) return false;
  const unfinished = `${layout.pkiDir}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  await makeAll(unfinished);
  renameSync(unfinished, layout.pkiDir);
  return true;
}

/** Writes the kubeconfigs of the components and of the administrator from the certificates. */
export function writeKubeconfigs(layout: Layout): void {
  const certificateUser = (name: string) => ({
    'client-certificate-data': readBase64(join(layout.pkiDir, `${name}.crt`)),
    'client-key-data': readBase64(join(layout.pkiDir, `${name}.key`)),
  });
  for (const name of componentUsers) writeKubeconfig(componentKubeconfig(layout, name), layout, certificateUser(name));
  writeKubeconfig(layout.kubeconfig, layout, certificateUser('admin'));
}
