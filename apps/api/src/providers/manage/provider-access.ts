import { Inject, Injectable } from '@nestjs/common';
import {
  CloudSessions,
  type CloudSubject,
  type ClusterAccess,
  type ConfigFields,
  type ConnectorContext,
  credentialExpiry,
  isCloudMethod,
  resolveAccess,
  validateProviderConfig,
} from '@image-factory/cluster-connectors';
import { Clock, isDomainError, type Issue, type ProviderSource, type ProviderType } from '@image-factory/domain';
import { type EgressPurpose, EgressPolicy } from '@image-factory/egress';
import { refuseLater } from '../../http/validation/refuse-later.js';
import { API_SETTINGS, type ApiSettings } from '../../config/api-settings.js';

/** How the way into a cluster is judged and found, with this process's rules for files and addresses. */
@Injectable()
export class ProviderAccess {
  readonly #cloud: CloudSessions;

  constructor(
    @Inject(EgressPolicy) private readonly egress: EgressPolicy,
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
    @Inject(Clock) clock: Clock,
  ) {
    this.#cloud = new CloudSessions({ egress, clock, redirects: settings.cloudEndpoints });
  }

  /**
   * Everything that is wrong with a config, then whether its server and proxy may be reached. Nothing is sent there, and
   * no cloud is asked: where its cluster is shows when it is connected to.
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
    if (issues.length > 0 || type === 'local') return issues;
    const proxy = await this.forbidden('proxy_url', config['proxy_url'], 'proxy');
    const method = config['auth_method'];
    if (method === 'in-cluster') return proxy;
    if (isCloudMethod(method)) return [...proxy, ...(await this.forbidden('endpoint', config['endpoint'], 'cluster'))];
    try {
      const access = await this.access(source, config);
      return [...proxy, ...(await this.forbidden('endpoint', access.server, 'cluster'))];
    } catch (error) {
      if (isDomainError(error) && error.kind === 'InvalidInput') {
        return error.issues.length > 0 ? [...error.issues] : [{ path: 'config', message: error.message }];
      }
      throw error;
    }
  }

  /** A URL that the egress rules refuse. */
  private async forbidden(field: string, url: unknown, purpose: EgressPurpose): Promise<Issue[]> {
    if (typeof url !== 'string') return [];
    const verdict = await this.egress.check(url, purpose);
    if (verdict.allowed || verdict.reason === 'ResolutionFailed') return [];
    return [{ path: `config.${field}`, message: `is refused: ${verdict.message}` }];
  }

  /** @throws DomainError InvalidInput, a CloudReason */
  async access(
    source: ProviderSource,
    fields: Readonly<Record<string, unknown>>,
    subject?: CloudSubject,
  ): Promise<ClusterAccess> {
    const method = fields['auth_method'];
    const context = { ...this.context(source), ...(subject === undefined ? {} : { subject }) };
    return resolveAccess(typeof method === 'string' ? method : undefined, fields as ConfigFields, context);
  }

  /** When the credential of a config that was found right ends, if it says so. */
  async expiry(source: ProviderSource, config: Readonly<Record<string, unknown>>): Promise<Date | undefined> {
    return credentialExpiry(config as ConfigFields, this.context(source));
  }

  /** What connectors have to know besides the config. */
  context(source: ProviderSource): ConnectorContext {
    return {
      fileRules: { allowedDirs: this.settings.credentialDirs, anyPath: isOperators(source) },
      allowHttp: true,
      cloud: this.#cloud,
      ...(this.settings.inCluster === undefined ? {} : { inCluster: this.settings.inCluster }),
    };
  }
}

/** What an operator wrote in a file or the environment may name any path. */
function isOperators(source: ProviderSource): boolean {
  return source === 'environment' || source === 'file';
}
