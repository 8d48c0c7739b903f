/** When a process dies at a crossing: nothing sent yet, sent without having heard, or heard without having acted. */
export const PHASES = ['before', 'sent', 'after'] as const;
export type Phase = (typeof PHASES)[number];

/** One place where a process waits for something outside of itself. */
export interface Crossing {
  readonly label: string;
  readonly phase: Phase;
}

/** What happens at a crossing: the process dies, the connection that it crosses breaks, or the process is frozen. */
export type CrossingAction = 'kill' | 'cut' | 'freeze';

/** What the suite tells a dispatcher process. */
export type ChaosOrder =
  | {
      readonly kind: 'arm';
      readonly crossing: Crossing;
      readonly action: CrossingAction;
      /** The how manieth time from now. */
      readonly nth: number;
    }
  | { readonly kind: 'disarm' }
  /** The wall clock of this process goes so much ahead (or behind). */
  | { readonly kind: 'shiftClock'; readonly ms: number }
  | { readonly kind: 'census' };

/** What a dispatcher process tells the suite. */
export type ChaosReport =
  | { readonly kind: 'working' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'disarmed' }
  | { readonly kind: 'census'; readonly crossed: Readonly<Record<string, number>> };

/** A line that a process writes before it freezes itself. */
export const FROZEN = 'chaos: frozen';

export function crossingKey({ label, phase }: Crossing): string {
  return `${label} | ${phase}`;
}
