import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Disk as memory is: asked for, capped by the tenant, given more of after a lack of it, and remembered for the project.
 * And where an attempt ran, so that the next one can prefer another node; whose builds a registry's hold is for.
 */
export class GiveMoreDisk1795219600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE tenants
        ADD COLUMN max_ephemeral_storage text,
        ADD COLUMN max_workspace_size text;

      ALTER TABLE projects
        ADD COLUMN learned_ephemeral_storage_bytes bigint,
        ADD COLUMN learned_workspace_bytes bigint;

      ALTER TABLE builds
        ADD COLUMN ephemeral_storage_bytes bigint,
        ADD COLUMN ephemeral_storage_limit_bytes bigint,
        ADD COLUMN workspace_bytes bigint,
        ADD CONSTRAINT builds_storage CHECK (
          ephemeral_storage_bytes > 0 AND ephemeral_storage_limit_bytes >= ephemeral_storage_bytes AND workspace_bytes > 0);

      ALTER TABLE build_executions
        ADD COLUMN ephemeral_storage_limit_bytes bigint,
        ADD COLUMN workspace_bytes bigint,
        ADD COLUMN node_name text;

      ALTER TABLE registry_holds ADD COLUMN tenant_id uuid;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE registry_holds DROP COLUMN tenant_id;
      ALTER TABLE build_executions
        DROP COLUMN ephemeral_storage_limit_bytes, DROP COLUMN workspace_bytes, DROP COLUMN node_name;
      ALTER TABLE builds
        DROP COLUMN ephemeral_storage_bytes, DROP COLUMN ephemeral_storage_limit_bytes, DROP COLUMN workspace_bytes;
      ALTER TABLE projects DROP COLUMN learned_ephemeral_storage_bytes, DROP COLUMN learned_workspace_bytes;
      ALTER TABLE tenants DROP COLUMN max_ephemeral_storage, DROP COLUMN max_workspace_size;
    `);
  }
}
