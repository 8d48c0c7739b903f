/** A failure that the fake answers as a Kubernetes `Status`. */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }

  body(): Record<string, unknown> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      details: this.details,
      code: this.status,
    };
  }
}

export function notFound(resource: string, name: string): ApiFailure {
  return new ApiFailure(404, 'NotFound', `${resource} "${name}" not found`, { name, kind: resource });
}

/** A path that no API serves: a plain text, not a Status. */
export class UnknownPath extends Error {}

export function alreadyExists(resource: string, name: string): ApiFailure {
  return new ApiFailure(409, 'AlreadyExists', `${resource} "${name}" already exists`, { name, kind: resource });
}

export function conflict(resource: string, name: string, why: string): ApiFailure {
  return new ApiFailure(409, 'Conflict', `Operation cannot be fulfilled on ${resource} "${name}": ${why}`, {
    name,
    kind: resource,
  });
}

export function expired(message: string): ApiFailure {
  return new ApiFailure(410, 'Expired', message);
}

export function unauthorized(): ApiFailure {
  return new ApiFailure(401, 'Unauthorized', 'Unauthorized');
}

export function forbidden(user: string, verb: string, resource: string, namespace: string | undefined): ApiFailure {
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return new ApiFailure(
    403,
    'Forbidden',
    `${resource} is forbidden: User "${user}" cannot ${verb} resource "${resource}" ${where}`,
    { kind: resource },
  );
}

export function badRequest(message: string): ApiFailure {
  return new ApiFailure(400, 'BadRequest', message);
}

export function invalid(message: string): ApiFailure {
  return new ApiFailure(422, 'Invalid', message);
}
