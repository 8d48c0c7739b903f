/**
 * Runs the Tasks of deploy/tekton in the test cluster, the good ways and the bad ones, and compares
 * what they report with what the registry has.
 *
 *   node test/cluster/tasks-check/tasks-check.ts [PART-OF-A-NAME]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layoutFromEnvironment } from '../machine/layout.ts';
import { type ApiConnection, callApi } from '../parts/api-client.ts';
import { readClusterFile, taskNames } from '../parts/cluster-file.ts';
import { allCases, type Case } from './cases.ts';
import { imageOf, pipelineRunOf } from './pipeline-run.ts';
import { fetchOutcome } from './registry-content.ts';

const namespace = 'tasks-check';

/** PipelineRuns at a time: two cores are busy with three. */
const concurrency = 3;

interface Report {
  readonly problem: string | undefined;
  readonly seconds: number;
}

interface Ending {
  readonly condition: { readonly status: string; readonly reason: string; readonly message: string };
  readonly results: readonly { readonly name: string; readonly value: string }[];
}

interface PipelineRun {
  readonly status?: {
    readonly completionTime?: string;
    readonly conditions?: readonly Ending['condition'][];
    readonly results?: Ending['results'];
  };
}

const layout = layoutFromEnvironment();
const cluster = readClusterFile(layout);
const connection: ApiConnection = {
  url: cluster.apiServerUrl,
  ca: Buffer.from(cluster.caData, 'base64'),
  token: cluster.adminToken,
};
const logDir = join(cluster.logDir, 'tasks-check');
const core = `/api/v1/namespaces/${namespace}`;
const tekton = `/apis/tekton.dev/v1/namespaces/${namespace}`;

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

async function create(path: string, object: object): Promise<void> {
  const answer = await callApi(connection, 'POST', path, object);
  if (answer.status !== 201) throw new Error(`POST ${path}: HTTP ${answer.status} ${JSON.stringify(answer.body)}`);
}

/** An empty namespace with the Tasks, their images replaced as the executor does, the ServiceAccount and the Secrets. */
async function prepareNamespace(): Promise<void> {
  await callApi(connection, 'DELETE', core);
  while ((await callApi(connection, 'GET', core)).status !== 404) await pause(300);
  await create('/api/v1/namespaces', { metadata: { name: namespace } });
  await create(`${core}/serviceaccounts`, { metadata: { name: 'builder' }, automountServiceAccountToken: false });
  const basic = (username: string, password: string) => Buffer.from(`${username}:${password}`).toString('base64');
  const { host, username, password } = cluster.registry;
  const dockerConfig = (secret: string) => ({
    'config.json': JSON.stringify({ auths: { [host]: { auth: basic(username, secret) } } }),
  });
  const gitStore = (secret: string) => ({
    'git-credentials': `http://${cluster.git.username}:${secret}@${new URL(cluster.git.httpUrlBase).host}\n`,
  });
  const secrets = {
    'docker-config': dockerConfig(password),
    'docker-bad': dockerConfig('wrong'),
    'git-good': gitStore(cluster.git.password),
    'git-bad': gitStore('wrong'),
  };
  for (const [name, stringData] of Object.entries(secrets))
    await create(`${core}/secrets`, { metadata: { name }, stringData });
  for (const name of taskNames) {
    const file = fileURLToPath(new URL(`../../../deploy/tekton/tasks/${name}.yaml`, import.meta.url));
    const yaml = readFileSync(file, 'utf8').replace(/^( +image: ).*$/gm, `$1${cluster.taskImages[name]}`);
    execFileSync(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, '-n', namespace, 'apply', '-f', '-'], {
      input: yaml,
    });
  }
}

async function waitForEnd(name: string): Promise<Ending> {
  for (;;) {
    const { body } = await callApi<PipelineRun>(connection, 'GET', `${tekton}/pipelineruns/${name}`);
    const { completionTime, conditions, results } = body.status ?? {};
    if (completionTime && conditions?.[0]) return { condition: conditions[0], results: results ?? [] };
    await pause(300);
  }
}

/** The log of a pipeline task's only step, also kept in a file. */
async function stepLog(pipelineRun: string, task: 'clone' | 'build'): Promise<string> {
  const { body } = await callApi<string | { message: string }>(
    connection,
    'GET',
    `${core}/pods/${pipelineRun}-${task}-pod/log?container=step-${task}&timestamps=true`,
  );
  const text = typeof body === 'string' ? body : `(${body.message})\n`;
  writeFileSync(join(logDir, `${pipelineRun}-${task}.log`), text);
  return text;
}

function judgeFailure(
  expected: Extract<Case['expect'], { failed: string }>,
  ending: Ending,
  log: string,
): string | undefined {
  const lastLine = log.trimEnd().split('\n').at(-1) ?? '';
  const reason = /^\S+ image-factory: reason=(\w+)$/.exec(lastLine)?.[1];
  if (ending.condition.status !== 'False') return `it is ${ending.condition.reason}, not failed`;
  if (reason !== expected.reason) return `the reason is ${reason}, not ${expected.reason}; last line: ${lastLine}`;
  return undefined;
}

async function judge(testCase: Case, name: string, ending: Ending): Promise<string | undefined> {
  const { expect } = testCase;
  const cloneLog = await stepLog(name, 'clone');
  if ('failed' in expect && expect.failed === 'clone') return judgeFailure(expect, ending, cloneLog);
  const buildLog = await stepLog(name, 'build');
  if ('failed' in expect) return judgeFailure(expect, ending, buildLog);
  const { condition } = ending;
  if (condition.status !== 'True')
    return `${condition.reason}: ${condition.message}; ${buildLog.trimEnd().split('\n').at(-1)}`;
  const results = Object.fromEntries(ending.results.map((result) => [result.name, result.value]));
  const outcome = await fetchOutcome(
    cluster,
    testCase.task === 'packer' ? undefined : imageOf(testCase, cluster),
    results,
  );
  return typeof outcome === 'string' ? outcome : expect.verify(outcome);
}

async function runCase(testCase: Case): Promise<Report> {
  const startedAt = Date.now();
  const object = pipelineRunOf(testCase, cluster);
  try {
    await create(`${tekton}/pipelineruns`, object);
    const ending = await waitForEnd(object.metadata.name);
    const seconds = (Date.now() - startedAt) / 1000;
    return { problem: await judge(testCase, object.metadata.name, ending), seconds };
  } catch (error) {
    return { problem: String(error), seconds: (Date.now() - startedAt) / 1000 };
  }
}

async function main(filter: string): Promise<number> {
  mkdirSync(logDir, { recursive: true });
  await prepareNamespace();
  const commit = execFileSync('git', ['ls-remote', cluster.git.exampleUrl, 'refs/heads/main']).toString().slice(0, 40);
  const waiting = allCases(cluster, commit).filter((one) => `${one.task}-${one.name}`.includes(filter));
  const total = waiting.length;
  let failures = 0;
  const worker = async () => {
    for (let testCase = waiting.shift(); testCase; testCase = waiting.shift()) {
      const { problem, seconds } = await runCase(testCase);
      if (problem !== undefined) failures += 1;
      const verdict = problem === undefined ? 'ok    ' : 'FAILED';
      process.stdout.write(
        `${verdict} ${seconds.toFixed(1).padStart(5)} s  ${testCase.task}-${testCase.name}${problem === undefined ? '' : `: ${problem}`}\n`,
      );
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  process.stdout.write(`${total - failures} of ${total} cases ok; logs: ${logDir}\n`);
  return failures === 0 && total > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv[2] ?? '');
