/** Where the image goes, and who signs in there. */
export interface Registry {
  /** `host/path` without a tag. */
  readonly repository: string;
  readonly insecure: boolean;
  readonly login: { readonly username: string; readonly password: string } | undefined;
}

/** All that the quickstart must know of the place that builds. */
export interface PreparedTarget {
  readonly infrastructureType: 'local' | 'kubernetes';
  /** The provider to register; without its name. */
  readonly providerName: string;
  readonly provider: Readonly<Record<string, unknown>>;
  /** The repository to build. */
  readonly gitUrl: string;
  /** Undefined: the image is written to a directory of this machine. */
  readonly registry: Registry | undefined;
  /** Addresses that tenants' builds may reach although they are private: `host[:port]`. */
  readonly egressAllow: readonly string[];
  /** Stops what was started for it. */
  close(): Promise<void>;
}

/** `host:port` of a URL, with the protocol's own port when none is written. */
export function hostAndPort(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'http:' ? 80 : 443)}`;
}

/** The registry's `host[:port]` of a repository. */
export function registryHost(repository: string): string {
  return repository.split('/')[0] ?? repository;
}
