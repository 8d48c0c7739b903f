const SHOW_AFTER_MS = 1000;

/** Runs a step and says so on standard error when it takes longer than a second; on a terminal with a running clock. */
export async function showStep<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAtMs = performance.now();
  const isTerminal = process.stderr.isTTY === true;
  const seconds = (): string => ((performance.now() - startedAtMs) / 1000).toFixed(0);
  let isShown = false;
  const timer = setInterval(() => {
    if (isTerminal) process.stderr.write(`\r\x1b[2K· ${name} … ${seconds()} s`);
    else if (!isShown) process.stderr.write(`· ${name} …\n`);
    isShown = true;
  }, SHOW_AFTER_MS);
  const clear = (): void => {
    clearInterval(timer);
    if (isShown && isTerminal) process.stderr.write('\r\x1b[2K');
  };
  try {
    const result = await work();
    clear();
    if (isShown) process.stderr.write(`✓ ${name} (${seconds()} s)\n`);
    return result;
  } catch (error) {
    clear();
    throw error;
  }
}
