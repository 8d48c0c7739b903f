export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** One observed fact about an object, in Kubernetes' shape. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: Date;
}

/** The list with `next` in it; the transition time is kept while the status is unchanged. */
export function setCondition(conditions: readonly Condition[], next: Condition): Condition[] {
  const previous = conditions.find((condition) => condition.type === next.type);
  const kept = previous?.status === next.status ? { ...next, lastTransitionTime: previous.lastTransitionTime } : next;
  return [...conditions.filter((condition) => condition.type !== next.type), kept];
}
