import type { LogStep } from '@image-factory/domain';
import type { LogAnswer, LogBatch, PostgresBuildLogs, ShardLease, LogWrite } from '@image-factory/persistence';

/** Stores one flush of steps of one shard: `done`, or what became of the first that was refused. */
export async function appendLog(
  logs: PostgresBuildLogs,
  fence: ShardLease,
  batches: readonly LogBatch[],
): Promise<LogAnswer['kind']> {
  const answers = await writeUnlocked(
    logs,
    batches.map((batch) => ({ fence, batch, ends: false })),
  );
  return answers.find(({ kind }) => kind !== 'done')?.kind ?? 'done';
}

/** Sends what is behind somebody's lock again, as its writer does. */
async function writeUnlocked(logs: PostgresBuildLogs, writes: readonly LogWrite[]): Promise<readonly LogAnswer[]> {
  for (;;) {
    const answers = await logs.write(writes);
    if (answers.every(({ kind }) => kind !== 'locked')) return answers;
  }
}

/** Ends a step where its stored log ends. */
export async function endLogStep(
  logs: PostgresBuildLogs,
  fence: ShardLease,
  executionId: string,
  step: LogStep,
): Promise<LogAnswer['kind']> {
  const { byteOffset } = await logs.cursor(executionId, step);
  const batch = { executionId, day: '', step, records: [], expectedByteOffset: byteOffset };
  const [answer] = await writeUnlocked(logs, [{ fence, batch, ends: true }]);
  return answer?.kind ?? 'done';
}
