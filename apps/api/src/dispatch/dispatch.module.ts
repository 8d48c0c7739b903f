import { Module } from '@nestjs/common';
import { DispatcherController } from './dispatcher.controller.js';
import { QueueController } from './queue.controller.js';
import { SetDispatchPause } from './set-dispatch-pause.js';

@Module({ controllers: [DispatcherController, QueueController], providers: [SetDispatchPause] })
export class DispatchModule {}
