import type { Grammar } from '../grammar/grammar.js';

const CPU = /^(?:[1-9]\d{0,3}|[1-9]\d{0,6}m|\d{1,3}\.\d{1,3})$/;
const MEMORY = /^([1-9]\d{0,6})(Ki|Mi|Gi|Ti|k|M|G|T)?$/;

const MEMORY_UNITS: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** Kubernetes quantity of CPU, as in `2`, `0.5` or `500m`; more than nothing. */
export const cpuQuantity: Grammar = (text) =>
  CPU.test(text) && cpuMillis(text) > 0 ? undefined : 'must be a quantity of CPU as in 2, 0.5 or 500m';

/** Kubernetes quantity of memory, as in `4Gi`; at least 4Mi, with less no container starts. */
export const memoryQuantity: Grammar = (text) =>
  MEMORY.test(text) && memoryBytes(text) >= MIN_MEMORY_BYTES
    ? undefined
    : 'must be a quantity of memory of at least 4Mi, as in 512Mi or 4Gi';

const MIN_MEMORY_BYTES = 4 * 2 ** 20;

/** Thousandths of a CPU of a text that {@link cpuQuantity} accepts. */
export function cpuMillis(text: string): number {
  return text.endsWith('m') ? Number(text.slice(0, -1)) : Math.round(Number(text) * 1000);
}

/** Bytes of a text that {@link memoryQuantity} accepts. */
export function memoryBytes(text: string): number {
  const [, count = '0', unit] = MEMORY.exec(text) ?? [];
  return Number(count) * (unit === undefined ? 1 : (MEMORY_UNITS[unit] ?? 0));
}

/** The shortest quantity for so many thousandths of a CPU. */
export function cpuText(millis: number): string {
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

/** The shortest binary quantity for so many bytes. */
export function memoryText(bytes: number): string {
  const unit = (['Ti', 'Gi', 'Mi', 'Ki'] as const).find((name) => bytes % (MEMORY_UNITS[name] ?? 1) === 0);
  return unit === undefined ? String(bytes) : `${bytes / (MEMORY_UNITS[unit] ?? 1)}${unit}`;
}
