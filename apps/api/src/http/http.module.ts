import { Global, Module } from '@nestjs/common';
import { ChangeFeed } from '../stream/change-feed.js';
import { OpenStreams } from '../stream/open-streams.js';
import { AuditedWrites } from './write/audited-writes.js';
import { IdempotentWrites } from './write/idempotent-writes.js';
import { ProblemFilter } from './problem/problem.filter.js';
import { TenantUrls } from './tenant-urls.js';

const PARTS = [AuditedWrites, IdempotentWrites, ProblemFilter, TenantUrls, ChangeFeed, OpenStreams];

/** What every noun's module uses. */
@Global()
@Module({ providers: PARTS, exports: PARTS })
export class HttpModule {}
