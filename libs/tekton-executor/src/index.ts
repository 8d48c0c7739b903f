export { TektonBuildExecutor } from './tekton-build-executor.js';
export type { TektonBuildExecutorOptions } from './tekton-build-executor.js';
export { buildPipelineRun } from './pipeline-run/build-pipeline-run.js';
export { BUILDER_SERVICE_ACCOUNT } from './pipeline-run/template-view.js';
export { tektonTextProblem } from './pipeline-run/tekton-text.js';
export { INSTALLATION_NAMESPACE, INSTALLATION_RECORD } from './place/check-installation.js';
export type { InstallationNonce } from './place/check-installation.js';
export { DEFAULT_TASKS_DIRECTORY } from './place/task-manifests.js';
