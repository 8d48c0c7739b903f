import type { OwnedExecution, OwnedSummary, PostgresExecutions } from '@image-factory/persistence';
import type { ProviderFollowers } from './provider-followers.js';

/** Where the followers learn which executions are theirs: by notification at once, by comparison sooner or later. */
export class ExecutionFeed {
  constructor(
    private readonly executions: PostgresExecutions,
    private readonly followers: ProviderFollowers,
    private readonly dispatcherId: () => string | undefined,
  ) {}

  /** A payload of `if_executions`. @returns true when only a whole comparison will do */
  async notified(payload: string): Promise<boolean> {
    if (payload === '' || payload === 'all') return true;
    const unknown = this.followers.touch(payload.split(','));
    const dispatcherId = this.dispatcherId();
    if (unknown.length === 0 || dispatcherId === undefined) return false;
    const rows = await Promise.all(unknown.map((id) => this.executions.findOne(dispatcherId, id)));
    this.followers.takeUp(rows.flatMap((row) => (row === undefined ? [] : [summaryOf(row)])));
    return false;
  }

  /** All rows against memory, both ways (correctness rule 2). */
  async compare(): Promise<void> {
    const dispatcherId = this.dispatcherId();
    if (dispatcherId === undefined) return;
    const { changed, gone } = await this.executions.compareOwned(dispatcherId, this.followers.summaries);
    this.followers.takeUp(changed);
    this.followers.touch(gone);
  }
}

function summaryOf(row: OwnedExecution): OwnedSummary {
  const { executionId, buildId, providerId, state, buildStatus } = row;
  return { executionId, buildId, providerId, state, buildStatus };
}
