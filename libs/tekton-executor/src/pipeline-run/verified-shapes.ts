/** So many shapes are remembered; more are forgotten together, which costs a rendering each. */
const MOST_SHAPES = 200;

/**
 * Documents that templates rendered and that fitted their contract, by shape: which fields there are, without the values
 * of any. Another document of a known shape is what its contract says, in the order in which the template writes it, so
 * that it is byte for byte what the template would give. To render and to parse YAML costs a twentieth of what a build
 * costs its dispatcher.
 */
export class VerifiedShapes {
  readonly #known = new Map<string, unknown>();

  /** The document of this contract; `render` gives one that fits it, and is asked once for each shape. */
  document(kind: string, contract: unknown, render: () => unknown): unknown {
    const key = `${kind} ${JSON.stringify(contract, blank)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return inOrderOf(known, contract);
    const rendered = render();
    if (this.#known.size >= MOST_SHAPES) this.#known.clear();
    this.#known.set(key, rendered);
    return rendered;
  }
}

/** A value says nothing of the shape, however many there are in a list of them. */
function blank(_key: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.some(isRecord) ? (value as unknown[]) : '[]';
  return typeof value === 'object' ? value : typeof value;
}

/** What `contract` says, its keys in the order in which `model` has them. */
function inOrderOf(model: unknown, contract: unknown): unknown {
  if (Array.isArray(model) && Array.isArray(contract))
    return contract.map((value: unknown, index) => inOrderOf(model[index], value));
  if (!isRecord(model) || !isRecord(contract)) return contract;
  return Object.fromEntries(Object.keys(model).map((key) => [key, inOrderOf(model[key], contract[key])]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
