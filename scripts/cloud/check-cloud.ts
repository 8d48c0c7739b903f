/** `npm run check:cloud -- aws|gcp|azure …`: a cluster on the live cloud, reached as the product reaches it. */
import { readFileSync } from 'node:fs';
import {
  type ClusterAccess,
  CloudSessions,
  parseCloudEndpoints,
  resolveAccess,
  testConnection,
  validateProviderConfig,
} from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import { type CheckOptions, readOptions, USAGE } from './options.ts';

const FILE_RULES = { allowedDirs: [], anyPath: false };

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function step(name: string, verdict: 'ok' | 'FAILED' | 'skipped', text: string, durationMs: number): void {
  say(`${name.padEnd(14)}${verdict.padEnd(9)}${text} (${Math.round(durationMs)} ms)`);
}

interface Failing {
  readonly reason: string;
  readonly message: string;
}

/** Only errors of the product are told: they are the ones that hold no secret. */
function failing(error: unknown): Failing {
  if (error instanceof Error && 'reason' in error && typeof error.reason === 'string') {
    return { reason: error.reason, message: error.message };
  }
  return { reason: 'Internal', message: 'It failed in an unexpected way.' };
}

async function timed<T>(name: string, work: () => Promise<{ result: T; text: string }>): Promise<T | undefined> {
  const startedMs = performance.now();
  try {
    const { result, text } = await work();
    step(name, 'ok', text, performance.now() - startedMs);
    return result;
  } catch (error) {
    const { reason, message } = failing(error);
    step(name, 'FAILED', `${reason}: ${message}`, performance.now() - startedMs);
    return undefined;
  }
}

async function describeCluster(options: CheckOptions, cloud: CloudSessions): Promise<ClusterAccess | undefined> {
  return timed('describe', async () => {
    const context = { fileRules: FILE_RULES, allowHttp: true, cloud };
    const access = await resolveAccess(options.config['auth_method'], options.config, context);
    const trust = access.ca === undefined ? 'with a publicly trusted certificate' : 'with a CA of its own';
    return { result: access, text: `the API server is ${access.server}, ${trust}` };
  });
}

/** @returns undefined when there is none */
async function takeToken({ identity }: ClusterAccess): Promise<true | undefined> {
  return timed('token', async () => {
    if (identity.kind !== 'broker') return { result: true as const, text: 'none: the cluster has a local account' };
    const token = await identity.broker.read();
    return { result: true as const, text: `a token of ${token.length} characters` };
  });
}

async function check(options: CheckOptions, egress: EgressPolicy, cloud: CloudSessions): Promise<boolean> {
  const access = await describeCluster(options, cloud);
  if (access === undefined || (await takeToken(access)) === undefined) return false;
  const steps = await testConnection(access, egress, { fileRules: FILE_RULES });
  for (const { name, status, reason, message = '', duration_ms: durationMs } of steps) {
    const verdict = status === 'passed' ? 'ok' : status === 'failed' ? 'FAILED' : 'skipped';
    step(name, verdict, reason === undefined ? message : `${reason}: ${message}`, durationMs);
  }
  return steps.every(({ status }) => status === 'passed');
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    say(USAGE);
    return 0;
  }
  const options = readOptions(args, (path) => readFileSync(path, 'utf8'));
  const redirects = parseCloudEndpoints(process.env['IF_CLOUD_ENDPOINTS'] ?? '');
  if (typeof options === 'string' || typeof redirects === 'string') {
    const wrong = typeof options === 'string' ? options : `IF_CLOUD_ENDPOINTS ${String(redirects)}`;
    process.stderr.write(`${wrong}\n\n${USAGE}`);
    return 2;
  }
  const rules = { allowedCredentialDirs: [], allowPaths: false, allowHttp: true };
  const issues = validateProviderConfig(options.type, options.config, rules);
  if (issues.length > 0) {
    for (const { path, message } of issues) process.stderr.write(`${path.replace('config.', '')} ${message}\n`);
    process.stderr.write(`\n${USAGE}`);
    return 2;
  }
  const allow = (process.env['IF_EGRESS_ALLOW'] ?? '').split(',').filter((one) => one.trim() !== '');
  const egress = new EgressPolicy({ allow });
  const passed = await check(options, egress, new CloudSessions({ egress, clock: systemClock, redirects }));
  say(passed ? '\nEvery step passed.' : '\nA step failed.');
  say(
    'Not looked at: whether Tekton is installed, and whether builds have room there (the readiness route tells both).',
  );
  return passed ? 0 : 1;
}

process.exitCode = await main();
