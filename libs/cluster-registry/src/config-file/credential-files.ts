import { readCredentialFile } from '@image-factory/cluster-connectors';
import { isDomainError } from '@image-factory/domain';
import type { CredentialFile } from './cluster-config.js';
import { FILE_FIELDS } from './cluster-fields.js';

/** The files that a cluster's config names, by product.md's fields. */
export function credentialFiles(config: Readonly<Record<string, string>>): readonly CredentialFile[] {
  return FILE_FIELDS.flatMap((field) => {
    const path = config[field];
    return path === undefined ? [] : [{ field, path }];
  });
}

/** A credential file that cannot be used now, and why. */
export interface UnreadableFile extends CredentialFile {
  readonly message: string;
}

/** Those of the files that are missing or cannot be read by this process now. Their content is not kept. Never throws. */
export async function unreadableFiles(files: readonly CredentialFile[]): Promise<readonly UnreadableFile[]> {
  const found = await Promise.all(
    files.map(async (file) => {
      try {
        await readCredentialFile(file.path, { allowedDirs: [], anyPath: true });
        return undefined;
      } catch (error) {
        const message = isDomainError(error) ? error.message : `The credential file ${file.path} cannot be read.`;
        return { ...file, message };
      }
    }),
  );
  return found.filter((file) => file !== undefined);
}
