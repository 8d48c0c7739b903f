/** Names under which clouds serve instance metadata: never reached, whatever they resolve to. */
const METADATA_HOSTS: readonly string[] = [
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'metadata.packet.net',
  'metadata.platformequinix.com',
  'instance-data',
  'instance-data.ec2.internal',
];

/** Names that mean something else inside a cluster or on a host than they do to us. */
const INTERNAL_SUFFIXES: readonly string[] = ['localhost', 'localdomain', 'local', 'internal', 'svc', 'home.arpa'];

/**
 * What is wrong with a host name by itself; undefined when its addresses decide. `tenant` adds the names that are
 * resolved in the pod of the build rather than here: one label, `.svc`, `.local`, `.internal`.
 */
export function hostRefusal(host: string, tenant: boolean): string | undefined {
  if (METADATA_HOSTS.includes(host)) return 'serves instance metadata and is never reached';
  if (!tenant) return undefined;
  if (!host.includes('.')) return 'has one label; name it in full, or an operator can allow it with IF_EGRESS_ALLOW';
  return INTERNAL_SUFFIXES.some((suffix) => host.endsWith(`.${suffix}`))
    ? 'is an internal name; an operator can allow it with IF_EGRESS_ALLOW'
    : undefined;
}
