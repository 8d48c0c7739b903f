import type { Issue } from '@image-factory/domain';
import { systemClock } from '@image-factory/telemetry';
import { type ConnectorStrategy, credentialText, endpointAccess, fieldText } from './connector-strategy.js';
import { endpointIssues } from './endpoint-issues.js';
import { clientCertificateProblem, privateKeyProblem } from './pem.js';

/** Mutual TLS with a certificate and its key, given or in files that are read again when they have been rotated. */
export const clientCertStrategy: ConnectorStrategy = {
  method: 'client-cert',
  validate(fields, context): readonly Issue[] {
    const issues = endpointIssues(fields, context);
    const certificate = fieldText(fields, 'client_cert');
    const key = fieldText(fields, 'client_key');
    const now = context.now?.() ?? systemClock.now();
    const wrongCertificate = certificate === undefined ? undefined : clientCertificateProblem(certificate, now);
    if (wrongCertificate !== undefined) issues.push({ path: 'client_cert', message: wrongCertificate });
    const wrongKey = key === undefined ? undefined : privateKeyProblem(key, certificate);
    if (wrongKey !== undefined) issues.push({ path: 'client_key', message: wrongKey });
    return issues;
  },
  async access(fields) {
    return {
      ...endpointAccess(fields),
      identity: {
        kind: 'client-cert',
        certificate: credentialText(fields, 'client_cert', 'cert_path'),
        key: credentialText(fields, 'client_key', 'key_path'),
      },
    };
  },
};
