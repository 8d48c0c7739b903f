import { ImagePublisher, type AttemptImage } from '@image-factory/dispatcher';
import { attemptTag, type MayWrite } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import type { FakeCluster } from '@image-factory/test-support';

/** Promotion into the fake cluster's own registry. */
export class FakeImagePublisher extends ImagePublisher {
  /** Refuses the put of a tag. */
  failing: ((tag: string, digest: string) => Error | undefined) | undefined;
  /** Awaited before each tag is put. */
  beforePut: (tag: string, digest: string) => Promise<void> = () => Promise.resolve();

  /** Its registry cannot be asked. */
  away = false;
  /** How often it was asked while away. */
  askedInVain = 0;

  constructor(private readonly cluster: FakeCluster) {
    super();
  }

  override findAttemptImage(row: OwnedExecution): Promise<AttemptImage> {
    if (this.away) {
      this.askedInVain += 1;
      return Promise.resolve({ kind: 'unknown', message: 'the registry does not answer' });
    }
    const digest = this.cluster.images.get(`${row.imageRepository}:${attemptTag(row)}`);
    return Promise.resolve(digest === undefined ? { kind: 'absent' } : { kind: 'found', digest });
  }

  override async putTags(
    row: OwnedExecution,
    digest: string,
    tags: readonly string[],
    mayPut: MayWrite,
  ): Promise<boolean> {
    for (const tag of tags) {
      if (!mayPut()) return false;
      await this.beforePut(tag, digest);
      const failure = this.failing?.(tag, digest);
      if (failure !== undefined) throw failure;
      this.cluster.images.set(`${row.imageRepository}:${tag}`, digest);
    }
    return true;
  }

  override digestOf(row: OwnedExecution, tag: string): Promise<string | undefined> {
    return Promise.resolve(this.cluster.images.get(`${row.imageRepository}:${tag}`));
  }
}
