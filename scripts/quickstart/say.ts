const startedAtMs = performance.now();

/** Seconds since the command began. */
export function elapsedSeconds(): number {
  return (performance.now() - startedAtMs) / 1000;
}

/** One line of progress. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
