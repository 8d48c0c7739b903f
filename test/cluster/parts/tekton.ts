import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BinaryDirs } from '../artifacts/binaries.ts';
import { type Image, referenceOf } from '../artifacts/images.ts';
import { type Layout, ports } from '../machine/layout.ts';
import { assertDaemonAlive, daemonLog, type DaemonSpec, ensureDaemon } from '../machine/processes.ts';
import { coldStartMs, waitUntil } from '../machine/progress.ts';
import { callApi, connectionOf } from './api-client.ts';
import { componentKubeconfig, writeKubeconfig } from './certificates.ts';
import { kubectl } from './kubernetes.ts';

const namespace = 'tekton-pipelines';

/** Life of the ServiceAccount tokens that the two processes sign in with: ten years. */
const tokenSeconds = 87_600 * 3600;

/**
 * The webhook runs on this machine, not in a pod: its Service points here, and its clients use the
 * port that it listens on.
 */
const webhookService = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'tekton-pipelines-webhook', namespace },
  spec: { type: 'ExternalName', externalName: 'localhost' },
};

/**
 * Tekton's own configuration for an installation, without its Deployments, as one YAML stream. The
 * webhooks come last, so that their presence says that everything before them was applied.
 */
function manifests(binaries: BinaryDirs): string {
  const config = join(binaries.tekton, 'config');
  const webhooks = '500-webhooks.yaml';
  const isWanted = (file: string) => /^(200-|201-|config-|clusterrole-aggregate-)/.test(file);
  const files = [
    ...readdirSync(join(config, '300-crds')).map((file) => join('300-crds', file)),
    ...readdirSync(config)
      .filter(isWanted)
      .filter((file) => file !== webhooks),
    webhooks,
  ].filter((file) => file.endsWith('.yaml'));
  const withPort = (text: string) =>
    text.replace(/^( +)name: tekton-pipelines-webhook$/gm, `$&\n$1port: ${ports.tektonWebhook}`);
  const documents = files.map((file) => {
    const text = readFileSync(join(config, file), 'utf8');
    return /^300-|^500-/.test(file) ? withPort(text) : text;
  });
  return [JSON.stringify(webhookService), ...documents].join('\n---\n');
}

function namespaceManifest(binaries: BinaryDirs): string {
  const directory = join(binaries.tekton, 'config', '100-namespace');
  return readdirSync(directory)
    .map((file) => readFileSync(join(directory, file), 'utf8'))
    .join('\n---\n');
}

const apply = ['apply', '--server-side', '--force-conflicts', '-f', '-'];

async function applyManifests(layout: Layout, binaries: BinaryDirs): Promise<void> {
  await kubectl(layout, binaries, apply, namespaceManifest(binaries));
  await kubectl(layout, binaries, apply, manifests(binaries));
}

async function ensureTokenKubeconfig(layout: Layout, name: 'controller' | 'webhook'): Promise<string> {
  const file = componentKubeconfig(layout, `tekton-${name}`);
  if (existsSync(file)) return file;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/tekton-pipelines-${name}/token`;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: tokenSeconds },
  };
  const answer = await callApi<{ status: { token: string } }>(connectionOf(layout), 'POST', path, body);
  if (answer.status !== 201) throw new Error(`A token for tekton-pipelines-${name} was refused: HTTP ${answer.status}`);
  writeKubeconfig(file, layout, { token: answer.body.status.token });
  return file;
}

const commonEnvironment = {
  SYSTEM_NAMESPACE: namespace,
  KUBERNETES_MIN_VERSION: 'v1.28.0',
  CONFIG_LOGGING_NAME: 'config-logging',
  CONFIG_OBSERVABILITY_NAME: 'config-observability',
  CONFIG_FEATURE_FLAGS_NAME: 'feature-flags',
  METRICS_DOMAIN: 'tekton.dev/pipeline',
};

function webhook(binaries: BinaryDirs, kubeconfig: string): DaemonSpec {
  return {
    name: 'tekton-webhook',
    command: join(binaries.tekton, 'webhook'),
    args: ['-disable-ha'],
    env: {
      ...commonEnvironment,
      KUBECONFIG: kubeconfig,
      CONFIG_LEADERELECTION_NAME: 'config-leader-election-webhook',
      PROBES_PORT: '18081',
      WEBHOOK_PORT: String(ports.tektonWebhook),
      METRICS_PROMETHEUS_PORT: '19091',
      PROFILING_PORT: '18009',
      WEBHOOK_ADMISSION_CONTROLLER_NAME: 'webhook.pipeline.tekton.dev',
      WEBHOOK_SERVICE_NAME: 'tekton-pipelines-webhook',
      WEBHOOK_SECRET_NAME: 'webhook-certs',
    },
  };
}

function controller(binaries: BinaryDirs, kubeconfig: string, images: readonly Image[]): DaemonSpec {
  const image = (name: 'entrypoint' | 'nop' | 'sidecarlogresults' | 'workingdirinit') => [
    `-${name}-image`,
    referenceOf(images, `tekton-${name}`),
  ];
  const shell = referenceOf(images, 'busybox');
  return {
    name: 'tekton-controller',
    command: join(binaries.tekton, 'controller'),
    args: [
      ...['-disable-ha', '-kube-api-qps', '50', '-kube-api-burst', '100', '-threads-per-controller', '8'],
      ...image('entrypoint'),
      ...image('nop'),
      ...image('sidecarlogresults'),
      ...image('workingdirinit'),
      ...['-shell-image', shell, '-shell-image-win', shell],
    ],
    env: {
      ...commonEnvironment,
      KUBECONFIG: kubeconfig,
      CONFIG_DEFAULTS_NAME: 'config-defaults',
      CONFIG_LEADERELECTION_NAME: 'config-leader-election-controller',
      CONFIG_SPIRE: 'config-spire',
      PROBES_PORT: '18080',
      METRICS_PROMETHEUS_PORT: '19090',
      PROFILING_PORT: '18008',
    },
  };
}

/** A PipelineRun that Tekton's webhook refuses: its task runs after one that does not exist. */
const refusedPipelineRun = {
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'webhook-probe', namespace: 'default' },
  spec: {
    pipelineSpec: {
      tasks: [
        {
          name: 'only',
          runAfter: ['unknown'],
          taskSpec: { steps: [{ name: 'only', image: 'none', command: ['none'] }] },
        },
      ],
    },
  },
};

/**
 * True when Tekton validates. The probe is an invalid object: before the webhook has written its
 * rules everything is let through, so a valid one would pass too early.
 */
export async function doesTektonValidate(layout: Layout): Promise<boolean> {
  const path = '/apis/tekton.dev/v1/namespaces/default/pipelineruns?dryRun=All';
  const answer = await callApi<{ message?: string }>(connectionOf(layout), 'POST', path, refusedPipelineRun);
  return answer.status === 400 && (answer.body.message ?? '').includes('denied the request');
}

/**
 * Installs Tekton and starts its webhook and controller. When an earlier start has installed it, the
 * webhook's rules stand in the API server and refuse every change until the webhook runs: then the
 * processes come first, and the manifests only when they have changed.
 */
export async function startTekton(layout: Layout, binaries: BinaryDirs, images: readonly Image[]): Promise<void> {
  const marker = join(layout.dataDir, 'tekton-manifests.sha256');
  const wanted = createHash('sha256').update(manifests(binaries)).digest('hex');
  const applied = existsSync(marker) ? readFileSync(marker, 'utf8') : '';
  const webhookPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/webhook.pipeline.tekton.dev';
  const isInstalled = (await callApi(connectionOf(layout), 'GET', webhookPath)).status === 200;
  if (!isInstalled) await applyManifests(layout, binaries);
  const webhookKubeconfig = await ensureTokenKubeconfig(layout, 'webhook');
  const controllerKubeconfig = await ensureTokenKubeconfig(layout, 'controller');
  await ensureDaemon(layout, webhook(binaries, webhookKubeconfig));
  await ensureDaemon(layout, controller(binaries, controllerKubeconfig, images));
  await waitUntil(
    () => {
      for (const name of ['tekton-webhook', 'tekton-controller']) assertDaemonAlive(layout, name);
      return doesTektonValidate(layout);
    },
    { what: 'An answer of the Tekton webhook', timeoutMs: coldStartMs, logFile: daemonLog(layout, 'tekton-webhook') },
  );
  if (isInstalled && applied !== wanted) await applyManifests(layout, binaries);
  writeFileSync(marker, wanted);
}
