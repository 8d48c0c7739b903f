import type { Issue } from '@image-factory/domain';
import { type ConnectorStrategy, credentialText, endpointAccess, fieldText } from './connector-strategy.js';
import { endpointIssues } from './endpoint-issues.js';

/** A bearer token, given or in a file that is read again when it has been rotated. */
export const tokenStrategy: ConnectorStrategy = {
  method: 'token',
  validate(fields, context): readonly Issue[] {
    const issues = endpointIssues(fields, context);
    const token = fieldText(fields, 'token');
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token.trim())) {
      issues.push({ path: 'token', message: 'must be a bearer token of printable ASCII without spaces' });
    }
    return issues;
  },
  async access(fields) {
    return {
      ...endpointAccess(fields),
      identity: { kind: 'token', token: credentialText(fields, 'token', 'token_path') },
    };
  },
};
