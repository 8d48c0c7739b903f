/**
 * When a process dies at a crossing: nothing sent yet, sent without having heard, or heard without having acted; of an
 * answer that is a stream, with a piece of it come.
 */
export const PHASES = ['before', 'sent', 'after', 'chunk'] as const;
export type Phase = (typeof PHASES)[number];

/** One place where a process waits for something outside of itself. */
export interface Crossing {
  readonly label: string;
  readonly phase: Phase;
}

/** What happens at a crossing: the process dies, the connection that it crosses breaks, or the process is frozen. */
export type CrossingAction = 'kill' | 'cut' | 'freeze';

/** A crossing at which a process is to be struck. */
export interface ArmedPoint {
  readonly crossing: Crossing;
  readonly action: CrossingAction;
  /** The how manieth time from now. */
  readonly nth: number;
}

/** What the suite tells a dispatcher process. */
export type ChaosOrder =
  /** The first that is crossed strikes, and the others are armed no more. */
  | { readonly kind: 'arm'; readonly points: readonly ArmedPoint[] }
  | { readonly kind: 'disarm' }
  /** The wall clock of this process goes so much ahead (or behind). */
  | { readonly kind: 'shiftClock'; readonly ms: number }
  | { readonly kind: 'census' };

/** What a dispatcher process tells the suite. */
export type ChaosReport =
  | { readonly kind: 'working' }
  | { readonly kind: 'disarmed' }
  | { readonly kind: 'census'; readonly crossed: Readonly<Record<string, number>> };

/** What a process writes before it is struck, followed by a `Struck` as JSON. */
export const STRUCK = 'chaos: struck ';
/** Begins each line about an event loop that stands still. */
export const STUCK = 'chaos: stuck ';

export interface Struck {
  /** The point's place among those that were armed. */
  readonly index: number;
}

export function crossingKey({ label, phase }: Crossing): string {
  return `${label} | ${phase}`;
}
