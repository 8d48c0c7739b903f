import type { Attributes, AttributeValue } from '@opentelemetry/api';

/** Values of one label of one metric that are told apart; all others are `other`. */
export const MAX_LABEL_VALUES = 300;

/** What stands for every value beyond the first {@link MAX_LABEL_VALUES}. */
export const OTHER = 'other';

/**
 * The values that the labels of a metric have had in this process. A label may carry what grows with use (a tenant's id, a
 * provider's name): the first values keep their names until the process ends, later ones are counted together, so that
 * neither memory nor a scrape grows without bound and sums stay right.
 */
export class BoundedLabels {
  private readonly seen = new Map<string, Set<AttributeValue>>();

  bound(attributes: Attributes): Attributes {
    const bounded: Attributes = {};
    for (const [label, value] of Object.entries(attributes)) {
      if (value !== undefined) bounded[label] = this.knows(label, value) ? value : OTHER;
    }
    return bounded;
  }

  private knows(label: string, value: AttributeValue): boolean {
    const values = this.seen.get(label) ?? new Set();
    this.seen.set(label, values);
    if (values.has(value)) return true;
    if (values.size >= MAX_LABEL_VALUES) return false;
    values.add(value);
    return true;
  }
}
