import { RETRIED_CLASSES, type RetriedClass } from '@image-factory/domain';

const MOST_ATTEMPTS = 100;

export type ClassAttempts = Readonly<Partial<Record<RetriedClass, number>>>;

/** `disruption=5,registry=6`; undefined when it is not of that form. */
export function parseClassAttempts(text: string): ClassAttempts | undefined {
  const attempts: Partial<Record<RetriedClass, number>> = {};
  for (const item of text.split(',').map((part) => part.trim())) {
    const [name, number, ...rest] = item.split('=');
    const found = RETRIED_CLASSES.find((one) => one === name);
    if (found === undefined || rest.length > 0 || !/^\d{1,3}$/.test(number ?? '')) return undefined;
    const value = Number(number);
    if (attempts[found] !== undefined || value < 1 || value > MOST_ATTEMPTS) return undefined;
    attempts[found] = value;
  }
  return attempts;
}

export const CLASS_ATTEMPTS_FORM = `must be as in disruption=5,registry=6, each of ${RETRIED_CLASSES.join(', ')} at most once and from 1 to ${MOST_ATTEMPTS}`;
