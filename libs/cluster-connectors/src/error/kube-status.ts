/** The parts of a Kubernetes `Status` that decide anything. */
export interface KubeStatus {
  readonly reason: string | undefined;
  readonly message: string;
  readonly code: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** `details.kind`: resource of the object that the answer speaks of. */
  readonly kind: string | undefined;
  readonly name: string | undefined;
  readonly causes: readonly { readonly reason: string; readonly message: string }[];
}

/** Reads a `Status` from a body; undefined when the body is none (a proxy's page, an aggregated API's text). */
export function parseKubeStatus(body: unknown): KubeStatus | undefined {
  const value = typeof body === 'string' ? parseJson(body) : body;
  if (!isRecord(value) || value['kind'] !== 'Status') return undefined;
  const details = isRecord(value['details']) ? value['details'] : {};
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isRecord) : [];
  return {
    reason: text(value['reason']),
    message: text(value['message']) ?? '',
    code: number(value['code']),
    retryAfterSeconds: number(details['retryAfterSeconds']),
    kind: text(details['kind']),
    name: text(details['name']),
    causes: causes.map((cause) => ({ reason: text(cause['reason']) ?? '', message: text(cause['message']) ?? '' })),
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
