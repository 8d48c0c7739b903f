const HIDDEN = '[secret]';

/** A value that prints as `[secret]` wherever it is logged, serialised or inspected; `reveal` is the only way in. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself: call it only where it is sent to the party it belongs to. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN;
  }
}
