import { Module } from '@nestjs/common';
import { PlacementsModule } from '../placements/placements.module.js';
import { BuildHistoryController } from './history/build-history.controller.js';
import { BuildsController } from './builds.controller.js';
import { CancelBuild } from './control/cancel-build.js';
import { RetryBuild } from './control/retry-build.js';
import { ListBuildEvents } from './events/list-build-events.js';
import { StreamBuildEvents } from './events/stream-build-events.js';
import { BuildLogsController } from './logs/build-logs.controller.js';
import { ReadLog } from './logs/read-log.js';
import { FollowLog } from './logs/tail/follow-log.js';
import { LogFrames } from './logs/tail/log-frames.js';
import { LogTails } from './logs/tail/log-tails.js';
import { GetBuild } from './read/get-build.js';
import { GetPipelineRun } from './history/get-pipeline-run.js';
import { ListBuildHistory } from './history/list-build-history.js';
import { ListBuilds } from './read/list-builds.js';
import { CheckSubmission } from './submit/check-submission.js';
import { SubmitBuild } from './submit/submit-build.js';
import { ValidateBuild } from './submit/validate-build.js';

@Module({
  imports: [PlacementsModule],
  controllers: [BuildsController, BuildHistoryController, BuildLogsController],
  providers: [
    CheckSubmission,
    SubmitBuild,
    ValidateBuild,
    CancelBuild,
    RetryBuild,
    GetBuild,
    ListBuilds,
    ListBuildHistory,
    GetPipelineRun,
    ListBuildEvents,
    StreamBuildEvents,
    ReadLog,
    LogFrames,
    LogTails,
    FollowLog,
  ],
})
export class BuildsModule {}
