import type { Clock } from '@image-factory/domain';
import { bearerToken } from '../connection/bearer-token.js';
import { type RenewalView, RenewedValue, type RenewedValueOptions } from './renewed-value.js';

/** Where a connection gets the token of each of its requests. */
export interface BearerSource {
  /** The token to send now. @throws DomainError with outcome `notSent` */
  read(): Promise<string>;
  /** The server refused it. True when the next read gives another, so that one more try makes sense. */
  invalidate(refused: string): Promise<boolean>;
  /** The server accepted what was read last. */
  accepted?(): void;
}

export interface TokenBrokerOptions {
  /** Of the cluster, for messages. */
  readonly name: string;
  /** Makes a new token. What it throws must be a DomainError without a secret. */
  readonly mint: RenewedValueOptions<string>['load'];
  readonly clock: Clock;
  readonly random?: () => number;
  readonly timeoutMs?: number;
}

/**
 * The tokens of one identity on one cluster, for every connection of this process (see {@link RenewedValue} for the
 * modes). Connections ask at each request, so that a new token reaches them without a new socket.
 */
export class TokenBroker implements BearerSource {
  readonly #token: RenewedValue<string>;

  constructor({ name, mint, ...options }: TokenBrokerOptions) {
    const load: typeof mint = async (signal, refused) => {
      const { value, expiresAt } = await mint(signal, refused);
      return { value: bearerToken(value), expiresAt };
    };
    this.#token = new RenewedValue({ ...options, name: `the token of ${name}`, load });
  }

  read(): Promise<string> {
    return this.#token.read();
  }

  invalidate(refused: string): Promise<boolean> {
    return this.#token.invalidate(refused);
  }

  accepted(): void {
    this.#token.accepted();
  }

  view(): RenewalView {
    return this.#token.view();
  }
}
