import type { DomainError, Reason } from '@image-factory/domain';
import type { ConnectionStepName } from './connection-step.js';

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Start the API server, or correct the port of the endpoint.',
  EHOSTUNREACH: 'Give this host a route to the cluster’s network (VPN, peering), or use an endpoint that it can reach.',
  ENETUNREACH: 'Give this host a route to the cluster’s network (VPN, peering), or use an endpoint that it can reach.',
  UND_ERR_CONNECT_TIMEOUT:
    'Something drops packets on the way: allow this host in the firewall, security group or authorized networks.',
  ECONNRESET: 'The other end hangs up: check that the port is the API server’s, and what stands between.',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'Something speaks plain HTTP there: correct the port, or write http:// if that is meant.',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'Something speaks no TLS there: correct the port of the endpoint.',
  CERT_HAS_EXPIRED: 'Renew the API server’s certificate (kubeadm: kubeadm certs renew apiserver).',
  CERT_NOT_YET_VALID: 'Correct the clock of this host or of the API server.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'Use one of the certificate’s names as endpoint, or set tls_server_name to one of them.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Set ca_cert to the CA that signed the API server’s certificate.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'Set ca_cert to the CA that signed the API server’s certificate.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Set ca_cert to that certificate, if it is the cluster’s.',
  SELF_SIGNED_CERT_IN_CHAIN: 'Set ca_cert to the CA that signed the API server’s certificate.',
  CERT_SIGNATURE_FAILURE: 'ca_cert has the CA’s name and another key: take it from the cluster anew.',
};

const BY_REASON: Readonly<Partial<Record<Reason, string>>> = {
  EgressForbidden: 'Allow the address with IF_EGRESS_ALLOW if it is meant, or correct the endpoint.',
  ClusterUnauthorized:
    'Rotate the credential: PATCH the provider with a token or certificate that the cluster accepts.',
  ClusterForbidden: 'Apply the RBAC rules of deploy/ for target clusters and bind them to this identity.',
  ClusterThrottled: 'The API server sheds load: try again later, or give this identity a priority level of its own.',
  ClusterUnavailable: 'The API server or its etcd is ill: look at its own log and at what stands before it.',
  CloudCredentialMissing:
    'Give this process an identity of that cloud (role, workload identity, managed identity), or the provider a key.',
  CloudCredentialExpired: 'Renew the identity’s session or key; look at the clock of this host when it is new.',
  CloudThrottled: 'Wait: it is tried again by itself, as late as the cloud says.',
  CloudClusterNotFound: 'Correct the names of the cluster, its place and its account in the provider’s config.',
  CloudClusterNotActive: 'Wait until the cloud has made or started the cluster, or start it.',
  CloudUnavailable:
    'Check that this host reaches the cloud’s API (IF_CLOUD_ENDPOINTS for a private link), and the cloud’s status.',
  ClusterEndpointPrivate: 'Run this process inside the cluster’s network, or allow its address at the endpoint.',
  CredentialUnreadable: 'Put the credential’s file where the config says, readable by this process.',
  ProviderConfigInvalid: 'Correct the provider’s config.',
  KubeconfigInvalid: 'Correct the provider’s kubeconfig.',
};

const BY_STEP: Readonly<Record<ConnectionStepName, string>> = {
  identity: 'Check the identity of this process in that cloud, or the keys and role that the provider names.',
  describe: 'Check the names of the cluster in the provider’s config, and what the identity may read there.',
  token: 'Check the identity of this process in that cloud, or the keys and role that the provider names.',
  resolve: 'Correct the endpoint’s host name, or the DNS that this host asks.',
  tcp: 'Check the endpoint’s address and port, and the network path to it.',
  tls: 'Check that the endpoint is an API server, and ca_cert and tls_server_name.',
  authenticate: 'Check that the endpoint is an API server, and what stands before it.',
  version: 'Grant the identity the role system:public-info-viewer, or look at the API server’s log.',
  permissions: 'Apply the RBAC rules of deploy/ for target clusters and bind them to this identity.',
};

const DENIED: Readonly<Partial<Record<ConnectionStepName, string>>> = {
  identity: 'Let the role or account that the provider names trust the identity of this process.',
  describe: 'Grant the identity the right to read the cluster (deploy/README.md, libs/cluster-connectors/README.md).',
};

/** What an admin can do about the step that failed. */
export function stepFix(step: ConnectionStepName, error: Pick<DomainError, 'reason' | 'details'>): string {
  const code = error.details['code'];
  if (error.reason === 'CloudAccessDenied') return DENIED[step] ?? BY_STEP[step];
  return (typeof code === 'string' ? BY_CODE[code] : undefined) ?? BY_REASON[error.reason] ?? BY_STEP[step];
}
