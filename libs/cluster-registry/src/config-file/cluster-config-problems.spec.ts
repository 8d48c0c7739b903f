import { describe, expect, it } from 'vitest';
import { cluster, problemsOf } from './config-text.fixture.js';
import { MAX_CONFIG_BYTES } from './parse-cluster-config.js';

const LOCAL = ['name: a', 'provider: local', 'auth: {method: kubeconfig, kubeconfig: /k}'];
const AWS = ['name: a', 'provider: aws', 'region: eu-west-1'];

describe('what is wrong is reported with its line', () => {
  it.each<[string, string, string[]]>([
    ['an empty file', '', ['1  is empty; it begins with the key kubernetes']],
    [
      'another root',
      'clusters: []\n',
      ['1 clusters is not a known key; there are kubernetes', '1 kubernetes is missing'],
    ],
    ['no clusters', 'kubernetes: {}\n', ['1 clusters is missing; an empty list is written []']],
    ['clusters that are no list', 'kubernetes:\n  clusters: {a: 1}\n', ['2 clusters must be a list']],
    [
      'a cluster that is no mapping',
      'kubernetes:\n  clusters:\n    - a\n',
      ['3 clusters[0] must be a mapping of keys and values'],
    ],
    [
      'an unknown key with its likely meaning',
      cluster(...LOCAL, 'capabilites: []'),
      ['6 clusters[0].capabilites is not a known key; did you mean capabilities?'],
    ],
    [
      'an unknown key of auth',
      cluster('name: a', 'provider: local', 'auth:', '  method: kubeconfig', '  kubeconfig: /k', '  tokn_path: /t'),
      ['8 clusters[0].auth.tokn_path is not a known key; did you mean token_path?'],
    ],
    [
      'an unknown provider',
      cluster('name: a', 'provider: azur', 'auth: {method: in-cluster}'),
      ['4 clusters[0].provider "azur" is not one of aws, gcp, azure, local, onprem, host; did you mean azure?'],
    ],
    [
      'a duration without unit',
      'kubernetes:\n  health_check:\n    interval: 30\n  clusters: []\n',
      ['3 health_check.interval must be a duration with its unit, as in 30s, 5m or 1h30m'],
    ],
    [
      'a duration out of range',
      'kubernetes:\n  connection_pool: {max_idle: 100ms}\n  clusters: []\n',
      ['2 connection_pool.max_idle must be from 1s to 24h'],
    ],
    [
      'a timeout above the interval',
      'kubernetes:\n  health_check: {interval: 5s, timeout: 6s}\n  clusters: []\n',
      ['2 health_check.timeout must be shorter than interval'],
    ],
    [
      'an interval below the usual timeout',
      'kubernetes:\n  health_check: {interval: 5s}\n  clusters: []\n',
      ['2 health_check.interval must be longer than timeout (10s)'],
    ],
    [
      'too many clients',
      'kubernetes:\n  connection_pool: {max_clients: 0}\n  clusters: []\n',
      ['2 connection_pool.max_clients must be an integer from 1 to 10000'],
    ],
    [
      'a name twice, whatever its case',
      `${cluster(...LOCAL)}    - name: A\n      provider: local\n      auth: {method: in-cluster}\n`,
      ['6 clusters[1].name "A" is the name of the cluster in line 3 too'],
    ],
    [
      'a default that is no cluster',
      `${cluster(...LOCAL)}  default_cluster: b\n`,
      ['6 default_cluster "b" is not the name of one of the clusters'],
    ],
    [
      'two defaults',
      `${cluster(...LOCAL, 'default: true')}    - name: b\n      provider: local\n      auth: {method: in-cluster}\n      default: true\n`,
      ['10 clusters[1].default is true for a too; one cluster is the default'],
    ],
    [
      'a default against default_cluster',
      `kubernetes:\n  default_cluster: b\n  clusters:\n    - {name: a, provider: local, auth: {method: in-cluster}, default: true}\n    - {name: b, provider: local, auth: {method: in-cluster}}\n`,
      ['2 default_cluster names b, but default is true for a'],
    ],
    [
      'a host as default',
      `kubernetes:\n  default_cluster: b\n  clusters: [{name: b, provider: host}]\n`,
      ['2 default_cluster must not name the host; grant it to tenants instead'],
    ],
    [
      'a host with a way in',
      cluster('name: a', 'provider: host', 'auth: {method: in-cluster}'),
      ['5 clusters[0].auth does not go with provider host, which is the dispatcher’s own host and no cluster'],
    ],
    [
      'iam without a cloud',
      cluster('name: a', 'provider: onprem', 'auth:', '  method: iam'),
      ['6 clusters[0].auth.method iam is for the providers aws, gcp and azure, not for onprem'],
    ],
    [
      'iam without a region',
      cluster('name: a', 'provider: aws', 'auth: {method: iam}'),
      ['3 clusters[0].region is missing: without it the cluster cannot be found in aws'],
    ],
    [
      'a GKE cluster without project and location',
      cluster('name: a', 'provider: gcp', 'auth: {method: iam}'),
      [
        '3 clusters[0].project_id is missing: without it the cluster cannot be found in gcp',
        '3 clusters[0].location is missing (region serves as well): without it the cluster cannot be found in gcp',
      ],
    ],
    [
      'an AKS cluster without its place',
      cluster('name: a', 'provider: azure', 'auth: {method: iam}'),
      [
        '3 clusters[0].subscription_id is missing: without it the cluster cannot be found in azure',
        '3 clusters[0].resource_group is missing: without it the cluster cannot be found in azure',
      ],
    ],
    [
      'a role with another method',
      cluster(...AWS, 'auth: {method: service-account, token_path: /t, role_arn: x}'),
      ['6 clusters[0].auth.role_arn does not go with method service-account, which takes token_path, ca_path'],
    ],
    [
      'a role of another cloud',
      cluster(
        'name: a',
        'provider: gcp',
        'region: europe-west1',
        'project_id: build-farm-1',
        'auth: {method: iam, role_arn: x}',
      ),
      ['7 clusters[0].auth.role_arn does not go with method iam of provider gcp, which takes service_account'],
    ],
    [
      'a key of another cloud',
      cluster(...AWS, 'project_id: build-farm-1', 'auth: {method: iam}'),
      ['6 clusters[0].project_id does not go with provider aws'],
    ],
    [
      'a role that is no ARN',
      cluster(...AWS, 'auth: {method: iam, role_arn: admin}'),
      ['6 clusters[0].auth.role_arn must be the ARN of an IAM role, as arn:aws:iam::123456789012:role/name'],
    ],
    [
      'a service account without its token',
      cluster(...AWS, 'auth: {method: service-account}'),
      ['6 clusters[0].auth.token_path is missing'],
    ],
    [
      'a certificate without its key and endpoint',
      cluster('name: a', 'provider: onprem', 'auth: {method: cert, cert_path: /c}'),
      [
        '3 clusters[0].endpoint is missing: a cluster of provider onprem is reached by its endpoint',
        '5 clusters[0].auth.key_path is missing',
      ],
    ],
    [
      'an endpoint that is no URL',
      cluster('name: a', 'provider: onprem', 'endpoint: k.example', 'auth: {method: service-account, token_path: /t}'),
      ['5 clusters[0].endpoint must be a URL, as in https://cluster.example:6443'],
    ],
    [
      'an endpoint beside a kubeconfig',
      cluster(...LOCAL, 'endpoint: https://k.example'),
      ['6 clusters[0].endpoint does not go with method kubeconfig, which knows the endpoint itself'],
    ],
    [
      'a relative path',
      cluster('name: a', 'provider: local', 'auth: {method: kubeconfig, kubeconfig: kube/config}'),
      ['5 clusters[0].auth.kubeconfig must be an absolute path without . or ..'],
    ],
    [
      'a kubeconfig in two places',
      cluster('name: a', 'provider: local', 'kubeconfig: /k', 'auth: {method: in-cluster}'),
      ['5 clusters[0].kubeconfig cannot stand beside auth; give it there'],
    ],
    [
      'no way in',
      cluster('name: a', 'provider: local'),
      ['3 clusters[0].auth is missing: give auth.method and what it needs'],
    ],
    [
      'a context without a kubeconfig',
      cluster(...AWS, 'context: c', 'auth: {method: iam}'),
      ['6 clusters[0].context does not go with method iam; it names a context of a kubeconfig'],
    ],
    [
      'a capability twice and a number',
      cluster(...LOCAL, 'capabilities: [gpu, gpu, 5]'),
      [
        '6 clusters[0].capabilities[1] is there twice',
        '6 clusters[0].capabilities[2] must be a text; put it in quotes',
      ],
    ],
    [
      'labels that are no texts',
      cluster(...LOCAL, 'labels:', '  zone: true', '  "no key": x'),
      [
        '7 clusters[0].labels.zone must be a text; put it in quotes',
        '8 clusters[0].labels.no key its name must be a Kubernetes label key',
      ],
    ],
    [
      'a value that is not there',
      cluster('name:', 'provider: local', 'auth: {method: in-cluster}'),
      ['3 clusters[0].name has no value'],
    ],
    [
      'a name that its cloud cannot have',
      cluster('name: my cluster', 'provider: aws', 'region: eu-west-1', 'auth: {method: iam}'),
      ['3 clusters[0].name must be the name of an EKS cluster; give cluster_name when it differs from name'],
    ],
    [
      'a role of another partition of AWS',
      cluster(
        'name: a',
        'provider: aws',
        'region: cn-north-1',
        'auth: {method: iam, role_arn: "arn:aws:iam::123456789012:role/a"}',
      ),
      ['6 clusters[0].auth.role_arn is in the partition aws, but the region cn-north-1 is in aws-cn'],
    ],
    [
      'a cloud of Azure that there is not, and an id that is none',
      cluster(
        'name: a',
        'provider: azure',
        'subscription_id: mine',
        'resource_group: rg',
        'azure_cloud: AzureMoon',
        'auth: {method: service-account, token_path: /t}',
      ),
      [
        '5 clusters[0].subscription_id must be the id of an Azure subscription',
        '7 clusters[0].azure_cloud must be one of AzureCloud, AzureUSGovernment, AzureChina',
      ],
    ],
    [
      'a region that serves as location and is none',
      cluster('name: a', 'provider: gcp', 'region: Mars', 'project_id: build-farm-1', 'auth: {method: iam}'),
      ['5 clusters[0].region must be a region or zone, as europe-west1 or europe-west1-b'],
    ],
    [
      'a proxy that is none, and the name of a certificate that is none',
      cluster(...LOCAL, 'proxy_url: socks5://proxy.example', 'tls_server_name: a b'),
      [
        '6 clusters[0].proxy_url must begin with http:// or https://',
        '7 clusters[0].tls_server_name must be a host name or an address',
      ],
    ],
    ['a key twice', cluster(...LOCAL, 'provider: local'), ['6  the key is there twice']],
    [
      'broken YAML',
      'kubernetes:\n  clusters: [\n',
      ['3  is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    ['an alias', 'kubernetes:\n  clusters: &a []\n', ['2  anchors and aliases are not used here; write the value out']],
    ['a tag', 'kubernetes:\n  clusters: !!js/function x\n', ['2  tags are not used here']],
    [
      'two documents',
      `${cluster(...LOCAL)}---\nkubernetes: {clusters: []}\n`,
      ['6  a second document begins; there must be one'],
    ],
    ['a bomb', '['.repeat(5_000), ['1  is nested too deeply']],
    ['a heap', `#${'x'.repeat(MAX_CONFIG_BYTES)}`, ['1  is larger than 1 MiB']],
  ])('%s', (_name, text, expected) => {
    expect(problemsOf(text)).toEqual(expected);
  });

  it('reports everything at once, in the order of the lines', () => {
    const text = `kubernetes:
  default_cluster: "elsewhere"
  conection_pool: {}
  health_check:
    interval: "soon"
  clusters:
    - name: "one"
      provider: "aws"
      auth:
        method: "password"
    - name: "one"
      provider: "local"
      auth:
        method: "kubeconfig"
      colour: blue
`;
    expect(problemsOf(text)).toEqual([
      '2 default_cluster "elsewhere" is not the name of one of the clusters',
      '3 conection_pool is not a known key; did you mean connection_pool?',
      '5 health_check.interval must be a duration with its unit, as in 30s, 5m or 1h30m',
      '10 clusters[0].auth.method "password" is not one of service-account, iam, cert, kubeconfig, in-cluster',
      '11 clusters[1].name "one" is the name of the cluster in line 7 too',
      '14 clusters[1].auth.kubeconfig is missing',
      '15 clusters[1].colour is not a known key; there are name, provider, region, endpoint, auth, capabilities, labels, kubeconfig, context, default, cluster_name, project_id, location, subscription_id, resource_group, azure_cloud, tls_server_name, proxy_url, max_concurrent_builds',
    ]);
  });
});
