import type { Issue } from '@image-factory/domain';
import { type ConfigFields, type ConnectorContext, fieldText } from './connector-strategy.js';
import { certificateProblem } from './pem.js';
import { serverUrlProblem } from './server-url.js';

/** What is wrong with the endpoint and its CA. */
export function endpointIssues(fields: ConfigFields, context: ConnectorContext): Issue[] {
  const issues: Issue[] = [];
  for (const name of ['endpoint', 'apiServer']) {
    const server = fieldText(fields, name);
    const problem = server === undefined ? undefined : serverUrlProblem(server, context.allowHttp);
    if (problem !== undefined) issues.push({ path: name, message: problem });
  }
  const ca = fieldText(fields, 'ca_cert');
  const problem = ca === undefined ? undefined : certificateProblem(ca);
  if (problem !== undefined) issues.push({ path: 'ca_cert', message: problem });
  return issues;
}
