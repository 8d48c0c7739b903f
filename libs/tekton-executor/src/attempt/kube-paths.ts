/** Paths of the API that this executor uses. Names are ours or the server's, and encoded all the same. */
export const KUBE_PATHS = {
  pipelineRuns: '/apis/tekton.dev/v1/pipelineruns',
  taskRuns: '/apis/tekton.dev/v1/taskruns',
  pods: '/api/v1/pods',
  namespace: (name: string): string => `/api/v1/namespaces/${encodeURIComponent(name)}`,
  namespaces: '/api/v1/namespaces',
  pipelineRunsIn: (namespace: string): string =>
    `/apis/tekton.dev/v1/namespaces/${encodeURIComponent(namespace)}/pipelineruns`,
  pipelineRun: (namespace: string, name: string): string =>
    `/apis/tekton.dev/v1/namespaces/${encodeURIComponent(namespace)}/pipelineruns/${encodeURIComponent(name)}`,
  taskRunsIn: (namespace: string): string => `/apis/tekton.dev/v1/namespaces/${encodeURIComponent(namespace)}/taskruns`,
  task: (namespace: string, name: string): string =>
    `/apis/tekton.dev/v1/namespaces/${encodeURIComponent(namespace)}/tasks/${encodeURIComponent(name)}`,
  podsIn: (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
  pod: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`,
  podLog: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`,
  secrets: '/api/v1/secrets',
  secretsIn: (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`,
  secret: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`,
  serviceAccount: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}`,
  configMap: (namespace: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${encodeURIComponent(name)}`,
  eventsIn: (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
} as const;
