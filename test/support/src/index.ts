export { DEFAULT_SCRIPT, FakeCluster, fakeEnd } from './fake-cluster.js';
export type { CreateFault, FakeRun, FakeStep, NewRun, RunScript, ScriptedStep } from './fake-cluster.js';
export { FakeBuildExecutor, UNRENDERABLE_PATH } from './fake-build-executor.js';
export { FakeExecutionFollower } from './fake-execution-follower.js';
export { InMemoryImageRegistry } from './in-memory-image-registry.js';
export type {
  InMemoryImageRegistryOptions,
  RegistryAuthentication,
  RegistryFault,
  SeenRequest,
} from './in-memory-image-registry.js';
export {
  createEmptyDatabase,
  createTestDatabase,
  startTestDatabaseServer,
  TEST_DATABASE_VARIABLE,
} from './test-database.js';
export type { TestDatabase, TestDatabaseServer } from './test-database.js';
export { FakeClock } from './fake-clock.js';
export { eventually, TestSignal } from './test-signal.js';
export type { EventuallyOptions } from './test-signal.js';
export { FakeKubeApiServer } from './fake-kube-api-server/fake-kube-api-server.js';
export type { FakeDenial, FakeKubeApiServerOptions } from './fake-kube-api-server/fake-kube-api-server.js';
export {
  FOR_WATCHES,
  type FakeFault,
  type FaultMatch,
  type SeenKubeRequest,
} from './fake-kube-api-server/fault-script.js';
export type { FakeMetadata, FakeObject } from './fake-kube-api-server/fake-object.js';
export {
  FAKE_CA,
  FAKE_CLIENT_CERTIFICATE,
  FAKE_CLIENT_KEY,
  FAKE_OTHER_CA,
  FAKE_SECOND_CLIENT_CERTIFICATE,
  FAKE_SECOND_CLIENT_KEY,
} from './fake-kube-api-server/certificates.js';
export { GitHttpServer } from './git-http-server.js';
export type { GitFault, GitHttpServerOptions, RepositoryFiles } from './git-http-server.js';
export { RawHttp2Server } from './raw-http2-server.js';
export type { RawStream } from './raw-http2-server.js';
export { RecordingLogSink } from './recording-log-sink.js';
export { buildExecutorContract } from './contracts/build-executor-contract.js';
export type {
  BuildExecutorHarness,
  ContractIds,
  ContractScript,
  TestApi,
} from './contracts/build-executor-contract.js';
export { InMemoryProviderRepository } from './in-memory-provider-repository.js';
export { FakeTektonController } from './fake-tekton-controller.js';
export type { FakeRunScript, FakeTaskScript } from './fake-tekton-controller.js';
export { FAKE_SERVER_CERTIFICATE, FAKE_SERVER_KEY } from './fake-kube-api-server/certificates.js';
export { kubeApiContract } from './contracts/kube-api-contract.js';
export type { KubeApiHarness } from './contracts/kube-api-contract.js';
export { newBuild, USUAL_RESOURCES } from './new-build.js';
export { providerProbesContract } from './contracts/provider-probes-contract.js';
export type { ProviderProbesHarness } from './contracts/provider-probes-contract.js';
export { appendLog, endLogStep } from './write-log.js';
