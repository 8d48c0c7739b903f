/** `npm run check:cloud -- aws|gcp|azure …`: a cluster on the live cloud, reached as the product reaches it. */
import { readFileSync } from 'node:fs';
import {
  CloudSessions,
  parseCloudEndpoints,
  testProvider,
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

async function check(options: CheckOptions, egress: EgressPolicy, cloud: CloudSessions): Promise<boolean> {
  const context = { fileRules: FILE_RULES, allowHttp: true, cloud };
  const steps = await testProvider(options.config, context, egress);
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
