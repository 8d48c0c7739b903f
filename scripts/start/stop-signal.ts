const REPEATED_MS = 1500;

/** Aborts on the first SIGINT, SIGTERM or SIGHUP. A later one, not an echo of the first, ends the process at once. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let firstAtMs = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) {
        firstAtMs = performance.now();
        controller.abort(signal);
      } else if (performance.now() - firstAtMs > REPEATED_MS) {
        process.stderr.write('Stopping without waiting.\n');
        process.exit(130);
      }
    });
  }
  return controller.signal;
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
