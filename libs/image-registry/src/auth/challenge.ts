/** One challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1). Names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;
const SPACE = /[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/** Parses every challenge of one or several header values; what does not parse ends that value, silently. */
export function parseChallenges(headers: string | readonly string[] | undefined): Challenge[] {
  if (headers === undefined) return [];
  const values = typeof headers === 'string' ? [headers] : headers;
  return values.flatMap((value) => new ChallengeReader(value).read());
}

class ChallengeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Challenge[] {
    const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
    for (;;) {
      this.#separators();
      const word = this.#take(TOKEN)?.[0];
      if (word === undefined) return challenges;
      const value = this.#parameterValue();
      const current = challenges.at(-1);
      if (value !== undefined) {
        if (current === undefined) return challenges;
        current.parameters[word.toLowerCase()] ??= value;
        continue;
      }
      challenges.push({ scheme: word.toLowerCase(), parameters: {} });
      this.#take(SPACE);
      if (!this.#parameterFollows()) this.#take(TOKEN68);
    }
  }

  #separators(): void {
    do this.#take(SPACE);
    while (this.#text[this.#at] === ',' && ++this.#at > 0);
  }

  /** After a name: `= value` with optional space around the sign. Leaves the position alone when there is none. */
  #parameterValue(): string | undefined {
    const start = this.#at;
    this.#take(SPACE);
    if (this.#text[this.#at] === '=') {
      this.#at += 1;
      this.#take(SPACE);
      const quoted = this.#take(QUOTED);
      if (quoted !== undefined) return (quoted[1] ?? '').replace(/\\(.)/g, '$1');
      const token = this.#take(TOKEN);
      if (token !== undefined) return token[0];
    }
    this.#at = start;
    return undefined;
  }

  #parameterFollows(): boolean {
    const start = this.#at;
    const follows = this.#take(TOKEN) !== undefined && this.#parameterValue() !== undefined;
    this.#at = start;
    return follows;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}
