const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a duration as Go writes it: `30s`, `5m`, `1h30m`, `1.5s`. Undefined for anything else, a number
 * without a unit too.
 */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (UNITS_MS[unit ?? ''] ?? 0);
  }
  return Math.round(total);
}

/** The shortest text that {@link parseDurationMs} reads as these milliseconds. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms !== 0 && ms % (UNITS_MS[unit] ?? 1) === 0) return `${ms / (UNITS_MS[unit] ?? 1)}${unit}`;
  }
  return `${ms}ms`;
}
