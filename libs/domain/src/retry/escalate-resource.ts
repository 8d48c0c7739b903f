import type { Reason } from '../errors/reasons.js';

/** What an attempt can run out of and be given more of. */
export const ESCALATED_RESOURCES = ['memory', 'ephemeral_storage', 'workspace_size'] as const;
export type EscalatedResource = (typeof ESCALATED_RESOURCES)[number];

/** Of each reason of the class `resource`, what it is that ran out. */
const RAN_OUT: Readonly<Partial<Record<Reason, EscalatedResource>>> = {
  StepOutOfMemory: 'memory',
  EphemeralStorageExceeded: 'ephemeral_storage',
  WorkspaceFull: 'workspace_size',
};

/** What ran out when an attempt ended with this reason; undefined: nothing that we give out. */
export function ranOutOf(reason: Reason): EscalatedResource | undefined {
  return RAN_OUT[reason];
}

/** How much of a resource an attempt was given, in bytes. */
export interface AmountGiven {
  readonly requestBytes: number;
  /** Undefined: no limit was set, it ran into that of its place. */
  readonly limitBytes: number | undefined;
}

/** Each step gives twice as much. */
const FACTOR = 2;

/**
 * The amount for the attempt after one that ran out of it: twice as much, at most the tenant's cap. Undefined when that
 * is no more than it had: then another attempt would only end so again.
 */
export function escalatedBytes(given: AmountGiven, capBytes: number | undefined): number | undefined {
  const had = given.limitBytes ?? given.requestBytes;
  const next = Math.min(had * FACTOR, capBytes ?? Number.POSITIVE_INFINITY);
  return next > had ? next : undefined;
}
