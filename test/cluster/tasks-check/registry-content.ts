import type { ClusterFile } from '../parts/cluster-file.ts';
import type { ImageConfig, ImageManifest, Outcome } from './cases.ts';

const manifestTypes = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ');

/**
 * What the registry has under the image's name, or a sentence about how it differs from the run's
 * results. Without an image (packer) the results alone.
 */
export async function fetchOutcome(
  cluster: ClusterFile,
  image: string | undefined,
  results: Readonly<Record<string, string>>,
): Promise<Outcome | string> {
  if (image === undefined) return { results, manifest: undefined, config: undefined };
  const { host, username, password } = cluster.registry;
  const [repository, tag] = image.slice(host.length + 1).split(':');
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const get = (path: string) =>
    fetch(`http://${host}/v2/${repository}/${path}`, { headers: { authorization, accept: manifestTypes } });
  const answer = await get(`manifests/${tag}`);
  const digest = answer.headers.get('docker-content-digest');
  if (!answer.ok) return `the registry answers ${answer.status} for ${image}`;
  if (results.IMAGE_DIGEST !== digest) return `IMAGE_DIGEST is ${results.IMAGE_DIGEST}, the registry has ${digest}`;
  if (results.IMAGE_URL !== image) return `IMAGE_URL is ${results.IMAGE_URL}, not ${image}`;
  const manifest = (await answer.json()) as ImageManifest;
  if (!manifest.config) return { results, manifest, config: undefined };
  const config = (await (await get(`blobs/${manifest.config.digest}`)).json()) as ImageConfig;
  return { results, manifest, config };
}
