import { CHANNELS, Notifier, PostgresBuildSubmissions } from '@image-factory/persistence';
import { imagelessBuild } from '../queue/build-life.ts';
import type { BuildWorld } from '../queue/build-world.ts';

/** Submits builds of tenants in turn as the API does: a row, and a hint behind its commit. */
export class Submitter {
  readonly #world: BuildWorld;
  readonly #notifier: Notifier;
  readonly #projects: readonly { readonly tenant_id: string; readonly id: string }[];

  private constructor(world: BuildWorld, projects: readonly { readonly tenant_id: string; readonly id: string }[]) {
    this.#world = world;
    this.#projects = projects;
    this.#notifier = new Notifier(world.database);
  }

  static async open(world: BuildWorld, tenants: readonly string[]): Promise<Submitter> {
    const projects = await world.rows<{ tenant_id: string; id: string }>(
      'SELECT tenant_id, id FROM projects WHERE tenant_id = ANY ($1::uuid[])',
      [tenants],
    );
    if (projects.length === 0) throw new Error('no project');
    return new Submitter(world, projects);
  }

  /** One build of the tenant whose turn it is. */
  async submit(index: number): Promise<void> {
    const project = this.#projects[index % this.#projects.length];
    if (project === undefined) throw new Error('no project');
    const build = {
      ...imagelessBuild(project.tenant_id, project.id),
      buildMethod: 'packer',
      config: { packer_template: 'template.pkr.hcl' },
    } as const;
    const submissions = new PostgresBuildSubmissions(this.#world.queue);
    await this.#world.database.transaction((tx) => submissions.insert(tx, build));
    this.#notifier.touch(CHANNELS.queue, project.tenant_id);
  }

  async close(): Promise<void> {
    await this.#notifier.close();
  }
}
