import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Dispatcher } from '../dispatcher.js';
import { withJitter } from '../loop/back-off.js';

/** Puts the dispatcher's periodic tasks on Nest's scheduler: one interval each, by the task's name. */
@Injectable()
export class MaintenanceSchedule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(SchedulerRegistry) private readonly registry: SchedulerRegistry,
    @Inject(Dispatcher) private readonly dispatcher: Dispatcher,
  ) {}

  onApplicationBootstrap(): void {
    for (const task of this.dispatcher.tasks) {
      const everyMs = withJitter(task.definition.everyMs * this.dispatcher.settings.periodicScale, 0.1);
      this.registry.addInterval(
        task.definition.name,
        setInterval(() => void task.tick(), everyMs),
      );
    }
  }

  onApplicationShutdown(): void {
    for (const name of this.registry.getIntervals()) this.registry.deleteInterval(name);
  }
}
