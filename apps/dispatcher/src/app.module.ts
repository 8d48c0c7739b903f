import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { Dispatcher } from './dispatcher.js';
import { HealthController } from './http/health.controller.js';
import { MaintenanceSchedule } from './maintenance/maintenance-schedule.js';

/** The frame around the dispatcher: its port and its timers. */
@Module({})
export class AppModule {
  static around(dispatcher: Dispatcher): DynamicModule {
    return {
      module: AppModule,
      imports: [ScheduleModule.forRoot()],
      controllers: [HealthController],
      providers: [{ provide: Dispatcher, useValue: dispatcher }, MaintenanceSchedule],
    };
  }
}
