import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which database this is, for the hold on claims after a failover: `<system identifier>/<timeline>`. In PL/pgSQL, whose
 * branches are looked at when they are taken: a query that only names a function that its role may not call is refused
 * whole. Managed servers keep pg_control_system() from ordinary users; a part that cannot be read is a question mark, and
 * instead of a timeline stands the start of the server, since one that fails over starts anew.
 */
export class IdentifyDatabase1795305643000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE FUNCTION database_identity() RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
      DECLARE
        system text := '?';
        timeline text := '@' || floor(extract(epoch FROM pg_postmaster_start_time()));
      BEGIN
        BEGIN
          IF has_function_privilege('pg_control_system()', 'EXECUTE') THEN
            system := (SELECT system_identifier FROM pg_control_system());
          END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN
          IF NOT pg_is_in_recovery() THEN
            timeline := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
          END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        RETURN system || '/' || timeline;
      END $$;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP FUNCTION database_identity()');
  }
}
