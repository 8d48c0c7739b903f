import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import { CloudSessions, openClusterConnection, validateProviderConfig } from '@image-factory/cluster-connectors';
import { isDomainError, type ProviderType, Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import type { CloudAnswer, CloudTask } from './cloud-support.ts';

/*
 * Providers of one cloud in a process of its own, because the clouds' libraries read their environment and keep what they
 * have found for the whole process. A task comes as a line of JSON, its answer goes out as one.
 */

async function work(task: CloudTask): Promise<CloudAnswer> {
  const rules = { allowedCredentialDirs: [], allowPaths: false, allowHttp: true };
  const issues = validateProviderConfig(task.type as ProviderType, task.fields, rules);
  if (issues.length > 0) return { issues };
  const allow = task.egressAllow ?? ['127.0.0.1', 'localhost'];
  const egress = new EgressPolicy({ allow, allowHttp: allow });
  const cloud = new CloudSessions({ egress, clock: systemClock, redirects: task.redirects ?? {} });
  const fields = Object.fromEntries(
    Object.entries(task.fields).map(([name, value]) => [name, /secret|key$/.test(name) ? new Secret(value) : value]),
  );
  const provider = { id: 'cloud', source: 'api' as const, settings: { authMethod: task.fields['auth_method'] ?? '' } };
  const versions: string[] = [];
  let open = 0;
  for (let round = 0; round < (task.connections ?? 1); round += 1) {
    const connection = await openClusterConnection(
      provider,
      { providerId: 'cloud', generation: round, version: 1, fields },
      {
        egress,
        context: { fileRules: { allowedDirs: [], anyPath: false }, allowHttp: true, cloud },
        requestTimeoutMs: 5_000,
      },
    );
    for (let count = 0; count < (task.requests ?? 1); count += 1) {
      const { body } = await connection.request<{ gitVersion: string }>({
        requestClass: 'probe',
        method: 'GET',
        path: '/version',
      });
      versions.push(body.gitVersion);
    }
    open += 1;
    await connection.close();
  }
  return { versions, connections: open };
}

async function answer(line: string): Promise<CloudAnswer> {
  try {
    return await work(JSON.parse(line) as CloudTask);
  } catch (error) {
    // What a logger could print of it must hold no secret: it is shown whole, with hidden properties and causes.
    process.stderr.write(`${inspect(error, { depth: 12, showHidden: true })}\n`);
    if (!isDomainError(error)) throw error;
    const { kind, reason, fault, retryable, message, details } = error;
    return { error: { kind, reason, fault, retryable, message, outcome: details['outcome'] } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
