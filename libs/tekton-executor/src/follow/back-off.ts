export interface BackOff {
  readonly first: number;
  readonly most: number;
}

/** Milliseconds after so many failures: between half and all of a bound that doubles, so that many do not come together. */
export function backOffMs(failures: number, { first, most }: BackOff): number {
  return Math.min(most, first * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
}
