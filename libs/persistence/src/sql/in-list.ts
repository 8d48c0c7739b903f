/** `('a', 'b')` of words that are constants of the program, for a guard that stands in the text of a statement. */
export function inList(words: readonly string[]): string {
  for (const word of words) {
    if (!/^[A-Za-z]+$/.test(word)) throw new Error(`not a state's name: ${word}`);
  }
  return `(${words.map((word) => `'${word}'`).join(', ')})`;
}
