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

/** How much of a resource an attempt is given, in bytes. */
export interface AmountGiven {
  readonly requestBytes: number;
  /** Undefined: no limit is set; what runs out then is its place. */
  readonly limitBytes: number | undefined;
}

/** The most of a resource that an attempt may be given, in bytes; undefined: none is known. */
export interface MostToGive {
  /** That its tenant may give to one build. */
  readonly capBytes: number | undefined;
  /** That one place has, of those where the build may run. */
  readonly placeBytes?: number | undefined;
}

/** Each step gives twice as much. */
const FACTOR = 2;

/**
 * The amount for the attempt after one that ran out of it: twice as much, at most the tenant's cap. Undefined when that
 * is no more than it had: then another attempt would only end so again; and when no place has so much: it would wait for
 * one in vain. It is not given what the largest place has instead, of which others there may have a part.
 *
 * One without a limit had all that its place had left, which may be far more than it had requested. So only the request
 * grows, for a place with more room; a limit of ours would give it less. It gets none but the tenant's cap.
 */
export function escalatedAmount(given: AmountGiven, { capBytes, placeBytes }: MostToGive): AmountGiven | undefined {
  const had = given.limitBytes ?? given.requestBytes;
  const next = Math.min(had * FACTOR, capBytes ?? Number.POSITIVE_INFINITY);
  if (next <= had || next > (placeBytes ?? Number.POSITIVE_INFINITY)) return undefined;
  return { requestBytes: next, limitBytes: given.limitBytes === undefined ? capBytes : next };
}
