import type { Platform } from '../start/platform.ts';
import type { BuildView } from './follow-build.ts';
import type { Rest } from './rest.ts';
import { elapsedSeconds, say } from './say.ts';
import type { PreparedTarget } from './target/prepared-target.ts';

interface Artifact {
  readonly name: string;
  readonly type: string;
  readonly uri: string;
  readonly digest: string | null;
}

export interface Result {
  readonly rest: Rest;
  readonly build: BuildView;
  readonly platform: Platform;
  readonly tenantId: string;
  readonly target: PreparedTarget;
}

function inspectCommand(uri: string, insecure: boolean): string {
  if (uri.startsWith('oci:')) return `cat ${uri.slice('oci:'.length)}/index.json; buildah pull ${uri}`;
  return `skopeo inspect ${insecure ? '--tls-verify=false ' : ''}docker://${uri}`;
}

async function showImage({ rest, build, target }: Result): Promise<void> {
  const { items } = await rest.send<{ items: Artifact[] }>('GET', `/builds/${build.id}/artifacts`);
  const { image } = build;
  if (image?.repository) {
    const reference = `${image.repository}:${image.tags[0] ?? ''}`;
    say(`Image       ${reference}\nDigest      ${image.digest}`);
    say(`Inspect     ${inspectCommand(reference, target.registry?.insecure ?? false)}`);
    return;
  }
  for (const { type, uri, digest } of items) {
    say(`${type === 'oci-layout' ? 'Image      ' : 'Artifact   '} ${decodeURIComponent(uri)}`);
    if (digest !== null) say(`Digest      ${digest}`);
    if (uri.startsWith('oci:')) say(`Inspect     ${inspectCommand(uri, false)}`);
  }
}

/** What came out of it, and how to go on from here. */
export async function showResult(result: Result): Promise<void> {
  const { build, platform, tenantId } = result;
  const why = [build.reason, build.message].filter(Boolean).join(': ');
  say(
    `\nBuild       ${build.status} after ${elapsedSeconds().toFixed(1)} s${build.status === 'completed' || why === '' ? '' : ` (${why})`}`,
  );
  if (build.status === 'completed') await showImage(result);
  const key = platform.adminKeyFile === undefined ? '$IF_BOOTSTRAP_ADMIN_KEY' : `$(cat ${platform.adminKeyFile})`;
  say(`API         ${platform.apiUrl}/api/v1   (X-Tenant-ID: ${tenantId})`);
  say(`Docs        ${platform.apiUrl}/docs`);
  say(`Admin key   ${platform.adminKeyFile ?? 'IF_BOOTSTRAP_ADMIN_KEY'}`);
  say(
    `Try         curl -H "Authorization: Bearer ${key}" -H "X-Tenant-ID: ${tenantId}" ${platform.apiUrl}/api/v1/builds/${build.id}`,
  );
}
