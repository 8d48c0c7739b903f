import { Inject, Injectable } from '@nestjs/common';
import {
  type ClusterAccess,
  type ConfigFields,
  type ConnectorContext,
  resolveAccess,
  validateProviderConfig,
} from '@image-factory/cluster-connectors';
import { isDomainError, type Issue, type ProviderSource, type ProviderType } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { refuseLater } from '../../http/validation/refuse-later.js';
import { API_SETTINGS, type ApiSettings } from '../../config/api-settings.js';

/** How the way into a cluster is judged and found, with this process's rules for files and addresses. */
@Injectable()
export class ProviderAccess {
  constructor(
    @Inject(EgressPolicy) private readonly egress: EgressPolicy,
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
  ) {}

  /**
   * Everything that is wrong with a config, then whether its server may be reached. Nothing is sent there.
   * @throws DomainError InvalidInput NotYetSupported
   */
  async issues(
    type: ProviderType,
    source: ProviderSource,
    config: Readonly<Record<string, unknown>>,
  ): Promise<Issue[]> {
    // Promotion inside the cluster: until then such an image would never get its tags.
    refuseLater(config['registry_access'] === 'cluster' ? ['config.registry_access'] : []);
    const allowPaths = isOperators(source);
    const issues = validateProviderConfig(type, config, {
      allowedCredentialDirs: this.settings.credentialDirs,
      allowPaths,
      allowHttp: true,
    });
    if (issues.length > 0 || type === 'local' || config['auth_method'] === 'in-cluster') return issues;
    try {
      const access = await this.access(source, config);
      const verdict = await this.egress.check(access.server, 'cluster');
      if (verdict.allowed || verdict.reason === 'ResolutionFailed') return [];
      return [{ path: 'config.endpoint', message: `is refused: ${verdict.message}` }];
    } catch (error) {
      if (isDomainError(error) && error.kind === 'InvalidInput') {
        return error.issues.length > 0 ? [...error.issues] : [{ path: 'config', message: error.message }];
      }
      throw error;
    }
  }

  /** @throws DomainError InvalidInput */
  async access(source: ProviderSource, fields: Readonly<Record<string, unknown>>): Promise<ClusterAccess> {
    const method = fields['auth_method'];
    return resolveAccess(typeof method === 'string' ? method : undefined, fields as ConfigFields, this.context(source));
  }

  /** What connectors have to know besides the config. */
  context(source: ProviderSource): ConnectorContext {
    return {
      fileRules: { allowedDirs: this.settings.credentialDirs, anyPath: isOperators(source) },
      allowHttp: true,
      ...(this.settings.inCluster === undefined ? {} : { inCluster: this.settings.inCluster }),
    };
  }
}

/** What an operator wrote in a file or the environment may name any path. */
function isOperators(source: ProviderSource): boolean {
  return source === 'environment' || source === 'file';
}
