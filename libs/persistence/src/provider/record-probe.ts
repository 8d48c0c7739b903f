import type { ProbeRecord } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { FORGET_PROBES, KEEP_PROBE, PROBE_ANEW, RECORD_CONDITIONS, RECORD_PROBE } from './probe-statements.js';

/** So many probes of each provider are kept: half an hour at the usual interval. */
export const KEPT_PROBES = 60;

/** One transaction: the row, the Conditions, the list of last probes. */
export async function recordProbe(database: Database, record: ProbeRecord): Promise<'recorded' | 'superseded'> {
  const { providerId, conditions, shown, latencyMs } = record;
  return database.transaction(async (tx) => {
    const rows = await tx.query(RECORD_PROBE, [
      providerId,
      record.proberId,
      shown.verdict,
      shown.tektonAnswers,
      shown.streak,
      record.lost,
      record.clusterUid ?? null,
      JSON.stringify(record.facts),
      record.credentialExpiresAt ?? null,
      record.detailed,
      record.againInMs ?? null,
      record.generation,
    ]);
    if (rows.length === 0) {
      await tx.query(PROBE_ANEW, [providerId, record.proberId, record.generation]);
      return 'superseded';
    }
    const column = (name: 'type' | 'status' | 'reason' | 'message'): string[] => conditions.map((one) => one[name]);
    await tx.query(RECORD_CONDITIONS, [
      providerId,
      column('type'),
      column('status'),
      column('reason'),
      column('message'),
    ]);
    await tx.query(KEEP_PROBE, [
      providerId,
      record.proberId,
      record.seen,
      record.because?.reason ?? null,
      record.because?.message ?? null,
      latencyMs.version ?? null,
      latencyMs.tekton ?? null,
      latencyMs.nodes ?? null,
    ]);
    await tx.query(FORGET_PROBES, [providerId, KEPT_PROBES - 1]);
    return 'recorded';
  });
}
