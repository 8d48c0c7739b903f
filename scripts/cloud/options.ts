/** What one run of the check is about. */
export interface CheckOptions {
  readonly type: 'aws-eks' | 'gcp-gke' | 'azure-aks';
  /** Provider config by product names. */
  readonly config: Readonly<Record<string, string>>;
}

const CLOUDS = {
  aws: { type: 'aws-eks', method: 'eks-iam' },
  gcp: { type: 'gcp-gke', method: 'gke-workload-identity' },
  azure: { type: 'azure-aks', method: 'aks-managed-identity' },
} as const;

export const USAGE = `npm run check:cloud -- aws|gcp|azure --FIELD VALUE [--FIELD VALUE …]

Connects to one cluster on the live cloud as a provider of that kind would, and says how each step ended. Nothing is
created or changed there. FIELD is a field of the provider's config with dashes, or a field and -file for one whose value
is in a file: secrets are given so.

  aws    --region --cluster-name [--role-arn --external-id --endpoint --ca-cert-file]
         [--access-key-id --secret-access-key-file]
  gcp    --project-id --location --cluster-name [--service-account --service-account-key-file --endpoint-kind ip|dns]
  azure  --subscription-id --resource-group --cluster-name [--azure-cloud --client-id --tenant-id --client-secret-file]
         [--endpoint]
  all    [--tls-server-name --proxy-url]

Without a key the identity is the one that this shell has: the AWS default chain, Google's application default
credentials, Azure's workload or managed identity. IF_EGRESS_ALLOW and IF_CLOUD_ENDPOINTS count as they do for the
product.

Exit codes: 0 every step passed, 1 a step failed, 2 wrong usage.
`;

const SECRETS: readonly string[] = ['secret_access_key', 'service_account_key', 'client_secret'];

/** The options, or a text that says what is wrong with them. `read` gives the text of a file. */
export function readOptions(args: readonly string[], read: (path: string) => string): CheckOptions | string {
  const [name = '', ...rest] = args;
  const cloud = Object.hasOwn(CLOUDS, name) ? CLOUDS[name as keyof typeof CLOUDS] : undefined;
  if (cloud === undefined)
    return `The first argument must be aws, gcp or azure${name === '' ? '' : `, not "${name}"`}.`;
  const config: Record<string, string> = { auth_method: cloud.method };
  for (let index = 0; index < rest.length; index += 2) {
    const flag = /^--([a-z]+(?:-[a-z]+)*)$/.exec(rest[index] ?? '')?.[1];
    const value = rest[index + 1];
    if (flag === undefined) return `"${rest[index]}" is not an option.`;
    if (value === undefined) return `--${flag} needs a value.`;
    const inFile = flag.endsWith('-file');
    const field = flag.replace(/-file$/, '').replaceAll('-', '_');
    if (field in config) return `--${flag} is given twice.`;
    if (!inFile && SECRETS.includes(field)) return `Give --${flag}-file with a path: arguments are seen by others.`;
    try {
      config[field] = inFile ? read(value).trim() : value;
    } catch {
      return `--${flag}: the file ${value} cannot be read.`;
    }
  }
  return { type: cloud.type, config };
}
