import {
  attemptTag,
  BUILD_METHOD_TABLE,
  isDomainError,
  type MayWrite,
  type ProviderRepository,
} from '@image-factory/domain';
import type { ImageRegistryClient, RegistryAccess } from '@image-factory/image-registry';
import type { OwnedExecution } from '@image-factory/persistence';
import type { CredentialSource } from '../execution/execution-scope.js';
import { ImagePublisher, type AttemptImage } from './image-publisher.js';

/** Promotion over the OCI distribution API, with the project's own registry credential. */
export class RegistryImagePublisher extends ImagePublisher {
  constructor(
    private readonly registry: ImageRegistryClient,
    private readonly credentials: CredentialSource,
    private readonly providers: ProviderRepository,
  ) {
    super();
  }

  override async findAttemptImage(row: OwnedExecution): Promise<AttemptImage> {
    const makesImage = BUILD_METHOD_TABLE[row.buildMethod].makesImage;
    if (!makesImage || row.imageRepository === undefined) return { kind: 'absent' };
    try {
      const manifest = await this.registry.findManifest(await this.#access(row, row.imageRepository), attemptTag(row));
      return manifest === undefined ? { kind: 'absent' } : { kind: 'found', digest: manifest.digest };
    } catch (error) {
      if (!isDomainError(error)) throw error;
      return { kind: 'unknown', message: error.message };
    }
  }

  override async putTags(
    row: OwnedExecution,
    digest: string,
    tags: readonly string[],
    mayPut: MayWrite,
  ): Promise<boolean> {
    const access = await this.#access(row, row.imageRepository ?? '');
    return this.registry.promote({ ...access, source: digest, expectedDigest: digest, tags, mayPut });
  }

  override async digestOf(row: OwnedExecution, tag: string): Promise<string | undefined> {
    const manifest = await this.registry.findManifest(await this.#access(row, row.imageRepository ?? ''), tag);
    return manifest?.digest;
  }

  async #access(row: OwnedExecution, repository: string): Promise<RegistryAccess> {
    const opened = await this.credentials.openForExecution(row);
    const provider = await this.providers.find(row.providerId);
    return {
      repository,
      dockerConfigJson: opened.dockerConfigJson,
      insecureRegistries: provider?.settings.insecureRegistries ?? [],
    };
  }
}
