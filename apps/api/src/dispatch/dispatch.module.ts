import { Module } from '@nestjs/common';
import { DispatcherController } from './dispatcher.controller.js';
import { QueueController } from './queue.controller.js';
import { SetDispatchLimits } from './set-dispatch-limits.js';
import { SetDispatchPause } from './set-dispatch-pause.js';

@Module({ controllers: [DispatcherController, QueueController], providers: [SetDispatchPause, SetDispatchLimits] })
export class DispatchModule {}
