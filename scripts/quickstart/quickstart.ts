/** `npm run quickstart`: from a fresh clone to an image with a digest; `-- --help` lists the options. */
import { runMain } from '../start/failure.ts';
import { type Platform, startPlatform } from '../start/platform.ts';
import { readSettings, type Settings } from '../start/settings.ts';
import { showStep } from '../start/show-step.ts';
import { aborted, stopSignal } from '../start/stop-signal.ts';
import { ensureObjects } from './ensure-objects.ts';
import { type BuildView, followBuild } from './follow-build.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { Rest } from './rest.ts';
import { say } from './say.ts';
import { showReadiness, untilProbed } from './show-readiness.ts';
import { showResult } from './show-result.ts';
import { prepareKubeconfigCluster } from './target/kubeconfig-cluster.ts';
import { prepareLocal } from './target/local.ts';
import type { PreparedTarget } from './target/prepared-target.ts';
import { prepareTestCluster } from './target/test-cluster.ts';

function prepare(settings: Settings, { target, method }: Options): Promise<PreparedTarget> {
  switch (target.kind) {
    case 'local':
      return prepareLocal(settings, method);
    case 'kubeconfig':
      return prepareKubeconfigCluster(settings, target, method);
    case 'test-cluster':
      return prepareTestCluster(method);
  }
}

/** Adds to a list with commas that the user may have set. */
function extended(name: string, items: readonly string[]): Record<string, string> {
  const given = (process.env[name] ?? '').split(',').filter((item) => item !== '');
  const all = [...new Set([...given, ...items])];
  return all.length === 0 ? {} : { [name]: all.join(',') };
}

function environmentOf(target: PreparedTarget): Record<string, string> {
  const insecure = target.registry?.insecure ? [target.registry.repository.split('/')[0] ?? ''] : [];
  return {
    ...extended('IF_EGRESS_ALLOW', target.egressAllow),
    ...extended('IF_INSECURE_REGISTRIES', insecure),
    ...(target.infrastructureType === 'kubernetes' ? { IF_BUILD_TEKTON_ENABLED: 'true' } : {}),
  };
}

async function submit(
  rest: Rest,
  target: PreparedTarget,
  options: Options,
  ids: { projectId: string; providerId: string },
): Promise<BuildView> {
  return rest.send<BuildView>('POST', '/builds', {
    project_id: ids.projectId,
    build_method: options.method,
    infrastructure_type: target.infrastructureType,
    infrastructure_provider_id: ids.providerId,
    build_config: options.method === 'packer' ? { packer_template: 'packer/hello.pkr.hcl' } : {},
  });
}

async function buildExample(
  platform: Platform,
  target: PreparedTarget,
  options: Options,
  stop: AbortSignal,
): Promise<number> {
  const admin = new Rest(platform.apiUrl, platform.adminKey);
  const ids = await showStep('tenant, provider and project', () => ensureObjects(admin, target));
  if (target.infrastructureType === 'kubernetes') {
    await showStep('readiness of the cluster', () => showReadiness(admin, ids.providerId, ids.tenantId));
    await showStep('first health probe of the cluster', () => untilProbed(admin, ids.providerId, stop));
  }
  const tenant = admin.forTenant(ids.tenantId);
  const build = await submit(tenant, target, options, ids);
  say(`Submitted   ${options.method} build ${build.id} (number ${build.build_number})\n`);
  const ended = await followBuild(tenant, build.id, stop);
  if (ended === undefined) return 130;
  await showResult({ rest: tenant, build: ended, platform, tenantId: ids.tenantId, target });
  return ended.status === 'completed' ? 0 : 1;
}

async function run(options: Options): Promise<number> {
  const stop = stopSignal();
  const settings = readSettings();
  const target = await prepare(settings, options);
  try {
    const environment = environmentOf(target);
    say(`Repository  ${target.gitUrl}`);
    say(
      `Allowed     ${target.egressAllow.join(', ')} (in IF_EGRESS_ALLOW, for this run: builds may not reach private addresses otherwise)`,
    );
    const platform = await startPlatform({
      settings,
      logs: 'files',
      moveTakenPorts: true,
      environment,
      step: showStep,
    });
    try {
      say(`API         ${platform.apiUrl}/api/v1`);
      const code = await Promise.race([buildExample(platform, target, options, stop), platform.broken]);
      if (options.once || stop.aborted) return code;
      say('\nEverything stays up until Ctrl-C.');
      await Promise.race([aborted(stop), platform.broken]);
      return 0;
    } finally {
      await platform.stop();
    }
  } finally {
    await target.close();
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  return run(options);
}

await runMain(main);
