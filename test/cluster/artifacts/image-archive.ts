import { createHash } from 'node:crypto';
import { createWriteStream, renameSync } from 'node:fs';
import { once } from 'node:events';

/** One entry of a layer. Owner is 0:0 and the time is 0, so that equal inputs give equal bytes. */
export type LayerEntry =
  | { readonly path: string; readonly kind: 'directory'; readonly mode?: number }
  | { readonly path: string; readonly kind: 'file'; readonly mode?: number; readonly content: Buffer }
  | { readonly path: string; readonly kind: 'link'; readonly target: string };

/** The run-time part of an image's configuration (OCI image-spec, config.md). */
export interface ImageRuntime {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
}

const blockBytes = 512;
const typeFlags = { file: '0', link: '2', directory: '5' } as const;

function tarHeader(path: string, kind: LayerEntry['kind'], mode: number, size: number, linkTarget: string): Buffer {
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(linkTarget) > 100)
    throw new Error(`${path} is too long for a tar header.`);
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset);
  header.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  header.write('        ', 148);
  header.write(typeFlags[kind], 156);
  header.write(linkTarget, 157);
  header.write('ustar\0' + '00', 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

const padding = (size: number) => Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);

function tarEntry(entry: LayerEntry): Buffer[] {
  switch (entry.kind) {
    case 'directory':
      return [tarHeader(`${entry.path}/`, entry.kind, entry.mode ?? 0o755, 0, '')];
    case 'link':
      return [tarHeader(entry.path, entry.kind, 0o777, 0, entry.target)];
    case 'file':
      return [
        tarHeader(entry.path, entry.kind, entry.mode ?? 0o644, entry.content.length, ''),
        entry.content,
        padding(entry.content.length),
      ];
  }
}

/** A tar (POSIX ustar) of the entries, in their order. Paths are relative, without a leading slash. */
export function tarOf(entries: readonly LayerEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(tarEntry), Buffer.alloc(2 * blockBytes)]);
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/**
 * Writes an image as a docker-archive tar, which `ctr images import` and `crane push` read.
 * `reference` is the full name with a tag; `layers` are uncompressed tars, the lowest first.
 */
export async function writeImageArchive(
  file: string,
  reference: string,
  layers: readonly Buffer[],
  runtime: ImageRuntime,
): Promise<void> {
  const digests = layers.map(sha256);
  const created = '1970-01-01T00:00:00Z';
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created,
      config: runtime,
      rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
      history: digests.map(() => ({ created, created_by: 'image-factory test cluster' })),
    }),
  );
  const manifest = [
    { Config: `${sha256(config)}.json`, RepoTags: [reference], Layers: digests.map((digest) => `${digest}/layer.tar`) },
  ];
  const parts = [
    ...tarEntry({ path: 'manifest.json', kind: 'file', content: Buffer.from(JSON.stringify(manifest)) }),
    ...tarEntry({ path: manifest[0]!.Config, kind: 'file', content: config }),
    ...layers.flatMap((layer, index) => tarEntry({ path: manifest[0]!.Layers[index]!, kind: 'file', content: layer })),
    Buffer.alloc(2 * blockBytes),
  ];
  const output = createWriteStream(`${file}.unfinished`);
  for (const part of parts) {
    if (!output.write(part)) await once(output, 'drain');
  }
  output.end();
  await once(output, 'close');
  renameSync(`${file}.unfinished`, file);
}
