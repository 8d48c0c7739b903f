import { LocalBuildExecutor } from '@image-factory/local-executor';
import { buildExecutorContract, type ContractScript } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalExecutorHarness, NO_CREDENTIALS } from './local-executor-harness.js';

const ENDINGS: Readonly<Record<ContractScript['ending'], string>> = {
  succeeds: '',
  fails: 'process.exitCode = 1;',
  hangs: 'setInterval(() => {}, 1000);',
};

function scriptText({ lines, ending }: ContractScript): string {
  return `for (const line of ${JSON.stringify(lines)}) console.log(line);\n${ENDINGS[ending]}`;
}

buildExecutorContract({ describe, it, expect, beforeEach, afterEach }, 'LocalBuildExecutor', async () => {
  const host = await LocalExecutorHarness.start();
  return {
    executor: host.executor,
    providerId: host.providerId,
    tenantId: host.tenantId,
    installationId: host.installationId,
    credentials: NO_CREDENTIALS,
    contextFor: (script, ids) => host.contextFor({ 'build.mjs': scriptText(script) }, ids),
    restarted: () => Promise.resolve(new LocalBuildExecutor(host.options)),
    close: () => host.close(),
  };
});
