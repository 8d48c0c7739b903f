/** What a key of a kubeconfig means to us. */
export type KeyRule =
  | 'text'
  | 'object'
  /** Allowed and not used. */
  | 'ignored'
  /** Refused unless it is false. */
  | { readonly refusedUnlessFalse: string }
  | { readonly refused: string };

const FILE = 'names a file of your machine; inline it with `kubectl config view --flatten`';
const EXEC = 'would run a program here; make a token or client certificate and give that instead';
const IMPERSONATION = 'impersonates another identity; give that identity itself a credential';

export const TOP_RULES: Readonly<Record<string, KeyRule>> = {
  apiVersion: 'text',
  kind: 'text',
  'current-context': 'text',
  preferences: 'ignored',
  extensions: 'ignored',
  clusters: 'object',
  users: 'object',
  contexts: 'object',
};

export const CLUSTER_RULES: Readonly<Record<string, KeyRule>> = {
  server: 'text',
  'certificate-authority-data': 'text',
  extensions: 'ignored',
  'disable-compression': 'ignored',
  'certificate-authority': { refused: FILE },
  'insecure-skip-tls-verify': {
    refusedUnlessFalse: 'would accept any server; give certificate-authority-data instead',
  },
  'tls-server-name': {
    refused:
      'would choose the name that the server’s certificate is judged by; give it as tls_server_name of the config',
  },
  'proxy-url': {
    refused: 'would send all traffic through a proxy that the file chooses; give it as proxy_url of the config',
  },
};

export const USER_RULES: Readonly<Record<string, KeyRule>> = {
  token: 'text',
  'client-certificate-data': 'text',
  'client-key-data': 'text',
  extensions: 'ignored',
  exec: { refused: EXEC },
  'auth-provider': { refused: EXEC },
  tokenFile: { refused: FILE },
  'token-file': { refused: FILE },
  'client-certificate': { refused: FILE },
  'client-key': { refused: FILE },
  as: { refused: IMPERSONATION },
  'as-uid': { refused: IMPERSONATION },
  'as-groups': { refused: IMPERSONATION },
  'as-user-extra': { refused: IMPERSONATION },
  impersonate: { refused: IMPERSONATION },
  username: { refused: 'is basic authentication, which Kubernetes no longer has; give a token' },
  password: { refused: 'is basic authentication, which Kubernetes no longer has; give a token' },
};

export const CONTEXT_RULES: Readonly<Record<string, KeyRule>> = {
  cluster: 'text',
  user: 'text',
  namespace: 'text',
  extensions: 'ignored',
};
