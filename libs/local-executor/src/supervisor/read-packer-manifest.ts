import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { insideDirectory } from './verify-paths.js';

/** What packer's manifest post-processor writes (https://developer.hashicorp.com/packer/docs/post-processors/manifest). */
const FILE = 'packer-manifest.json';
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_RESULT_BYTES = 64 * 1024;

interface PackerBuild {
  readonly name?: unknown;
  readonly builder_type?: unknown;
  readonly artifact_id?: unknown;
  readonly files?: readonly { readonly name?: unknown; readonly size?: unknown }[] | null;
}

/**
 * The artifacts of the last run by the template's own manifest, in the form of the Tekton Task's result MANIFEST;
 * undefined when there is none. The template's author says what stands there: a link out of the repository is not
 * followed, what is no regular file is not read, and its size is bounded.
 */
export async function readPackerManifest(source: string, context: string): Promise<string | undefined> {
  const file = await insideDirectory(source, join(context, FILE));
  const found = file === undefined ? undefined : await stat(file).catch(() => undefined);
  if (file === undefined || found?.isFile() !== true || found.size > MAX_FILE_BYTES) return undefined;
  try {
    const manifest = JSON.parse(await readFile(file, 'utf8')) as { builds?: unknown; last_run_uuid?: unknown };
    const builds = Array.isArray(manifest.builds)
      ? (manifest.builds as (PackerBuild & { packer_run_uuid?: unknown })[])
      : [];
    const last = builds.filter(({ packer_run_uuid: run }) => run === manifest.last_run_uuid);
    const whole = JSON.stringify({ artifacts: last.map(artifact) });
    return Buffer.byteLength(whole) <= MAX_RESULT_BYTES ? whole : '{"artifacts":[],"truncated":true}';
  } catch {
    return undefined;
  }
}

function artifact(build: PackerBuild): unknown {
  const files = Array.isArray(build.files) ? build.files : [];
  return {
    build: text(build.name),
    builderId: text(build.builder_type),
    id: text(build.artifact_id),
    files: files.map(({ name, size }) => ({ name: text(name), bytes: typeof size === 'number' ? size : -1 })),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
