import { Module } from '@nestjs/common';
import { DispatcherController } from './dispatcher.controller.js';
import { InvariantsController } from './invariants.controller.js';
import { QueueController } from './queue.controller.js';
import { SetDispatchPause } from './set-dispatch-pause.js';

@Module({ controllers: [DispatcherController, InvariantsController, QueueController], providers: [SetDispatchPause] })
export class DispatchModule {}
