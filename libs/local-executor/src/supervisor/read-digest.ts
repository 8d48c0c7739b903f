import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DigestSource } from '../command/command.js';

const DIGEST = /sha256:[0-9a-f]{64}/;

/** The digest of the manifest that was made; undefined when the builder left none. */
export async function readDigest(source: DigestSource): Promise<string | undefined> {
  try {
    switch (source.kind) {
      case 'text':
        return DIGEST.exec(await readFile(source.file, 'utf8'))?.[0];
      case 'repository-digests': {
        const lines = (await readFile(source.file, 'utf8')).split('\n');
        const own = lines.find((line) => line.startsWith(`${source.repository}@`));
        return DIGEST.exec(own ?? '')?.[0];
      }
      case 'buildkit-metadata': {
        const metadata = JSON.parse(await readFile(source.file, 'utf8')) as Record<string, unknown>;
        return asDigest(metadata['containerimage.digest']);
      }
      case 'oci-layout': {
        const index = JSON.parse(await readFile(join(source.directory, 'index.json'), 'utf8')) as {
          manifests?: readonly { digest?: unknown }[];
        };
        return asDigest(index.manifests?.[0]?.digest);
      }
    }
  } catch {
    return undefined;
  }
}

function asDigest(value: unknown): string | undefined {
  return typeof value === 'string' ? DIGEST.exec(value)?.[0] : undefined;
}
