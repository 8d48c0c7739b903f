import { Module } from '@nestjs/common';
import { DispatcherController } from './dispatcher.controller.js';
import { InvariantsController } from './invariants.controller.js';
import { QueueController } from './queue.controller.js';
import { SetDispatchLimits } from './set-dispatch-limits.js';
import { SetDispatchPause } from './set-dispatch-pause.js';

@Module({
  controllers: [DispatcherController, InvariantsController, QueueController],
  providers: [SetDispatchPause, SetDispatchLimits],
})
export class DispatchModule {}
