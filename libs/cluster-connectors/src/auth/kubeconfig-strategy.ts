import { isDomainError, type Issue } from '@image-factory/domain';
import type { ClusterAccess } from '../connection/cluster-access.js';
import { parseKubeconfig } from '../kubeconfig/parse-kubeconfig.js';
import { type ConnectorStrategy, credentialText, fieldText, routeAccess } from './connector-strategy.js';
import { readCredentialFile } from './credential-file.js';

/**
 * One context of a kubeconfig, given or in a file. The file is read when the connection is made; a changed file takes
 * effect with the next connection (a refused credential makes the pool open one).
 */
export const kubeconfigStrategy: ConnectorStrategy = {
  method: 'kubeconfig',
  validate(fields, context): readonly Issue[] {
    const text = fieldText(fields, 'kubeconfig');
    if (text === undefined) return [];
    try {
      parseKubeconfig(text, fieldText(fields, 'context'), { allowHttp: context.allowHttp === true });
      return [];
    } catch (error) {
      if (!isDomainError(error)) throw error;
      if (error.issues.length === 0) return [{ path: 'kubeconfig', message: error.message }];
      return error.issues.map((issue) => ({ path: 'kubeconfig', message: `${issue.path}: ${issue.message}` }));
    }
  },
  async access(fields, context): Promise<ClusterAccess> {
    const source = credentialText(fields, 'kubeconfig', 'kubeconfig_path');
    const text =
      source.kind === 'value' ? source.value.reveal() : await readCredentialFile(source.path, context.fileRules);
    const access = parseKubeconfig(text, fieldText(fields, 'context'), { allowHttp: context.allowHttp === true });
    return { ...access, ...routeAccess(fields) };
  },
};
