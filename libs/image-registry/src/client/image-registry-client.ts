import { DomainError, type Secret } from '@image-factory/domain';
import type { EgressPolicy } from '@image-factory/egress';
import { answerError, refused } from '../errors/registry-error.js';
import { RegistryTransport } from '../http/registry-transport.js';
import { assertReference, isDigest, parseRepository } from '../reference/repository-reference.js';
import { digestOf, MANIFEST_MEDIA_TYPES, mediaTypeOf, type Manifest } from './manifest.js';
import { RegistrySession } from './registry-session.js';

export interface ImageRegistryClientOptions {
  readonly egress: EgressPolicy;
  /** `host[:port]`s spoken to over plain HTTP, for every call; calls may add to them. */
  readonly insecureRegistries?: readonly string[];
  /** Milliseconds for connecting, for headers and for each pause in a body; 15 s by default. */
  readonly timeoutMs?: number;
  /** Bytes of the largest manifest; 8 MiB by default. */
  readonly maxManifestBytes?: number;
}

/** On whose behalf a repository is reached. */
export interface RegistryAccess {
  /** `host[:port]/path`, as in `registry.example/team/app`. */
  readonly repository: string;
  /** Text of a Docker `config.json`; undefined: anonymous. */
  readonly dockerConfigJson?: Secret | undefined;
  /** Added to the client's own list, for instance a provider's `insecure_registries`. */
  readonly insecureRegistries?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Promotion extends RegistryAccess {
  /** Digest or tag of what is there already. */
  readonly source: string;
  /** The digest that the source must have, when the caller knows it. */
  readonly expectedDigest?: string | undefined;
  readonly tags: readonly string[];
  /** Asked before each tag is put; false ends the promotion. */
  readonly mayPut?: (() => boolean) | undefined;
}

/**
 * The part of the OCI distribution API 1.1 that publication needs: look for a manifest, put it under a tag. It never retries; errors say whether a retry makes sense: Unavailable RegistryUnavailable (retryable, unless a
 * certificate is at fault), NotAllowed RegistryUnauthorized, NotAllowed EgressForbidden, Conflict RegistryRefused,
 * NotFound ManifestNotFound, InvalidInput for malformed names or credentials.
 */
export class ImageRegistryClient {
  readonly #transport: RegistryTransport;
  readonly #insecureRegistries: readonly string[];
  readonly #maxManifestBytes: number;

  constructor(options: ImageRegistryClientOptions) {
    this.#transport = new RegistryTransport({ egress: options.egress, timeoutMs: options.timeoutMs ?? 15_000 });
    this.#insecureRegistries = options.insecureRegistries ?? [];
    this.#maxManifestBytes = options.maxManifestBytes ?? 8 * 1024 * 1024;
  }

  /** The manifest or index under a tag or digest, whole and verified against its digest; undefined when not there. */
  async findManifest(access: RegistryAccess, reference: string): Promise<Manifest | undefined> {
    return await this.#read(this.#session(access, 'pull'), reference);
  }

  /** Puts a manifest under a tag. What it refers to must be in the repository already. */
  async putManifest(access: RegistryAccess, tag: string, manifest: Manifest): Promise<void> {
    await this.#write(this.#session(access, 'pull,push'), tag, manifest);
  }

  /**
   * Puts the source manifest under every tag, in order. Safe to call again after a failure: the same bytes go to the same
   * names. Others may put theirs at the same time: what a tag names in the end is the caller's to read back.
   * @returns false when `mayPut` ended it before all tags were put
   */
  async promote(promotion: Promotion): Promise<boolean> {
    const session = this.#session(promotion, 'pull,push');
    const manifest = await this.#read(session, promotion.source);
    if (manifest === undefined) {
      throw new DomainError({
        kind: 'NotFound',
        reason: 'ManifestNotFound',
        message: `${promotion.repository} has no manifest ${promotion.source}.`,
      });
    }
    if (promotion.expectedDigest !== undefined && manifest.digest !== promotion.expectedDigest) {
      const ask = session.ask(`publication of ${promotion.source}`);
      throw refused(ask, `${promotion.source} is ${manifest.digest} and not ${promotion.expectedDigest}`);
    }
    for (const tag of promotion.tags) {
      if (promotion.mayPut?.() === false) return false;
      await this.#write(session, tag, manifest);
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  #session(access: RegistryAccess, actions: 'pull' | 'pull,push'): RegistrySession {
    return new RegistrySession(this.#transport, {
      reference: parseRepository(access.repository),
      actions,
      dockerConfigJson: access.dockerConfigJson,
      insecureRegistries: [...this.#insecureRegistries, ...(access.insecureRegistries ?? [])],
      maxBytes: this.#maxManifestBytes,
      signal: access.signal,
    });
  }

  async #read(session: RegistrySession, reference: string): Promise<Manifest | undefined> {
    assertReference(reference);
    const what = `read ${reference}`;
    const answer = await session.send({
      method: 'GET',
      path: `manifests/${reference}`,
      headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') },
      what,
    });
    if (answer.status === 404) return undefined;
    const ask = session.ask(what);
    if (answer.status !== 200)
      throw answerError(ask, answer.status, answer.body, single(answer.headers['retry-after']));
    const digest = digestOf(answer.body);
    const declared = single(answer.headers['docker-content-digest']);
    for (const expected of [declared, isDigest(reference) ? reference : undefined]) {
      if (expected?.startsWith('sha256:') === true && expected !== digest) {
        throw refused(ask, `its bytes have the digest ${digest} and not ${expected}`);
      }
    }
    const mediaType = mediaTypeOf(single(answer.headers['content-type']), answer.body);
    if (mediaType === undefined) throw refused(ask, 'what it holds is neither an image manifest nor an index');
    return { digest, mediaType, bytes: answer.body };
  }

  async #write(session: RegistrySession, tag: string, manifest: Manifest): Promise<void> {
    assertReference(tag);
    const what = `write ${tag}`;
    const ask = session.ask(what);
    if (digestOf(manifest.bytes) !== manifest.digest)
      throw refused(ask, 'the manifest to write does not have its digest');
    const answer = await session.send({
      method: 'PUT',
      path: `manifests/${tag}`,
      headers: { 'content-type': manifest.mediaType },
      body: manifest.bytes,
      what,
    });
    if (answer.status === 404) throw refused(ask, 'HTTP 404: the repository or a layer of the image is not there');
    if (answer.status < 200 || answer.status > 299) {
      throw answerError(ask, answer.status, answer.body, single(answer.headers['retry-after']));
    }
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
