import { Module } from '@nestjs/common';
import { Clock } from '@image-factory/domain';
import {
  Database,
  PlacementFactsReader,
  PostgresPlacementHistory,
  PostgresProviderRepository,
} from '@image-factory/persistence';
import { SubmissionFactsReader } from '../builds/submit/submission-facts.js';
import { PlacementsController } from './placements.controller.js';
import { SimulatePlacement } from './simulate-placement.js';

/** What a placement would be: the facts that it is decided on, and the route that decides without a build. */
@Module({
  controllers: [PlacementsController],
  providers: [
    SimulatePlacement,
    SubmissionFactsReader,
    {
      provide: PlacementFactsReader,
      inject: [PostgresProviderRepository, Database, Clock],
      useFactory: (providers: PostgresProviderRepository, database: Database, clock: Clock) => {
        const history = new PostgresPlacementHistory(database);
        return new PlacementFactsReader(providers, history, clock, { openBreakers: () => history.openForAll() });
      },
    },
  ],
  exports: [SubmissionFactsReader],
})
export class PlacementsModule {}
