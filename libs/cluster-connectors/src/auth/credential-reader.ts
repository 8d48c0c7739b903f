import type { Clock } from '@image-factory/domain';
import type { CredentialText } from '../connection/cluster-access.js';
import { readCredentialFile, type CredentialFileRules } from './credential-file.js';

interface Kept {
  readonly text: string;
  readonly readAtMs: number;
}

/** How long a file's content is used before the file is looked at again. Projected tokens live at least ten minutes. */
export const CREDENTIAL_FILE_REFRESH_MS = 10_000;

/**
 * Gives the current text of a credential at each request. Values are constant. A file is read again every ten
 * seconds; while it cannot be read (a rotation swaps it) the last text stays in use. Reads are single-flight.
 */
export class CredentialReader {
  readonly #credential: CredentialText;
  readonly #rules: CredentialFileRules;
  readonly #clock: Clock;
  #kept: Kept | undefined;
  #reading: Promise<string> | undefined;

  constructor(credential: CredentialText, rules: CredentialFileRules, clock: Clock) {
    this.#credential = credential;
    this.#rules = credential.kind === 'file' && credential.trusted === true ? { ...rules, anyPath: true } : rules;
    this.#clock = clock;
  }

  /** @throws DomainError CredentialUnreadable when the file was never readable, or was invalidated and is not now */
  async read(): Promise<string> {
    if (this.#credential.kind === 'value') return this.#credential.value.reveal();
    const kept = this.#kept;
    if (kept === undefined) return this.#readFile();
    if (this.#clock.monotonicMs() - kept.readAtMs < CREDENTIAL_FILE_REFRESH_MS) return kept.text;
    return this.#readFile().catch(() => kept.text);
  }

  /** Forgets what is kept, after the server refused it. True when the next read may give another text. */
  async invalidate(refused: string): Promise<boolean> {
    if (this.#credential.kind === 'value') return false;
    this.#kept = undefined;
    return (await this.#readFile()).trim() !== refused.trim();
  }

  #readFile(): Promise<string> {
    if (this.#credential.kind === 'value') return Promise.resolve(this.#credential.value.reveal());
    this.#reading ??= readCredentialFile(this.#credential.path, this.#rules)
      .then((text) => {
        this.#kept = { text, readAtMs: this.#clock.monotonicMs() };
        return text;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }
}
