import { type Clock, isDomainError } from '@image-factory/domain';
import type { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import { type CloudStrategy, cloudSession } from '../auth/cloud-access.js';
import type { CloudSession } from '../cloud/cloud-sessions.js';
import type { ConfigFields, ConnectorContext } from '../auth/connector-strategy.js';
import { connectorTable, isAuthMethod, isCloudStrategy, resolveAccess } from '../auth/connector-table.js';
import { CLOUD_STEPS, CLUSTER_STEPS, type ConnectionStep } from './connection-step.js';
import { doStep, skippedStep, type StepResult } from './do-step.js';
import { testConnection, type TestConnectionOptions } from './test-connection.js';

/**
 * Goes the way to a provider's cluster step by step: at its cloud first, when a cloud has to be asked, then to the
 * cluster. A config that gives no access (a file that is gone) is a failed first step. The identity, the description and
 * the tokens are those that connections share: a test asks a cloud for nothing that is known or was just refused.
 * @throws what is no DomainError of a config, a cloud or a cluster
 */
export async function testProvider(
  fields: ConfigFields,
  context: ConnectorContext,
  egress: EgressPolicy,
  options: Omit<TestConnectionOptions, 'fileRules'> = {},
): Promise<ConnectionStep[]> {
  const clock = options.clock ?? systemClock;
  const method = fields['auth_method'];
  const strategy = isAuthMethod(method) ? connectorTable[method] : undefined;
  const atCloud =
    strategy !== undefined && isCloudStrategy(strategy) ? await cloudSteps(strategy, fields, context, clock) : [];
  if (atCloud.some(({ status }) => status === 'failed')) return [...atCloud, ...CLUSTER_STEPS.map(skippedStep)];
  try {
    const access = await resolveAccess(isAuthMethod(method) ? method : undefined, fields, context);
    return [...atCloud, ...(await testConnection(access, egress, { ...options, fileRules: context.fileRules }))];
  } catch (error) {
    if (!isDomainError(error) || error.kind !== 'InvalidInput') throw error;
    const [first, ...others] = CLUSTER_STEPS;
    return [await doStep(first, () => Promise.reject(error), clock), ...others.map(skippedStep)];
  }
}

/** Who we are there, where the cluster is, and the token for it; what comes after a failed step is skipped. */
async function cloudSteps(
  strategy: CloudStrategy,
  fields: ConfigFields,
  context: ConnectorContext,
  clock: Clock,
): Promise<ConnectionStep[]> {
  // Asked for in each step: a config that makes none is how the first one ends.
  const session = (): CloudSession => cloudSession(strategy, fields, context);
  const steps: Readonly<Record<(typeof CLOUD_STEPS)[number], () => Promise<StepResult>>> = {
    identity: async () => {
      await session().credential.read();
      return { message: 'The cloud accepts the identity.' };
    },
    describe: async () => {
      const { server, ca } = await session().description.read();
      const trust = ca === undefined ? 'with a publicly trusted certificate' : 'with a CA of its own';
      return { message: `The cloud says that the API server is ${server}, ${trust}.`, details: { server } };
    },
    token: async () => {
      if ((await session().description.read()).identity !== undefined) {
        return { message: 'No token is needed: the cluster has a local account.' };
      }
      await session().broker.read();
      return { message: 'There is a token for the cluster.' };
    },
  };
  const done: ConnectionStep[] = [];
  for (const name of CLOUD_STEPS) {
    const failed = done.some(({ status }) => status !== 'passed');
    done.push(failed ? skippedStep(name) : await doStep(name, steps[name], clock));
  }
  return done;
}
