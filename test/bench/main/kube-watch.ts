import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import type { KubeItem, TestCluster } from '../../e2e/support/cluster.ts';

type Seen = (object: KubeItem, atMs: number) => void;

/** A plain watch of the API server, the soonest that anybody can hear of a change. It ends with the benchmark. */
export class KubeWatch {
  readonly #agent: Agent;
  readonly #abort = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(ca: Buffer) {
    this.#agent = new Agent({ connect: { ca }, bodyTimeout: 0 });
  }

  /** Watches the objects of builds at `path`; `seen` gets each state and the wall clock when it came in. */
  static async open(cluster: TestCluster, path: string, seen: Seen): Promise<KubeWatch> {
    const watch = new KubeWatch(Buffer.from(cluster.caData, 'base64'));
    const query = new URLSearchParams({ watch: '1', timeoutSeconds: '3600', labelSelector: 'image-factory.io/build' });
    const answer = await request(`${cluster.apiServerUrl}${path}?${query.toString()}`, {
      dispatcher: watch.#agent,
      signal: watch.#abort.signal,
      headers: { authorization: `Bearer ${cluster.adminToken}` },
    });
    if (answer.statusCode !== 200) throw new Error(`watch of ${path}: ${answer.statusCode}`);
    watch.#reading = watch.#read(answer.body, seen);
    return watch;
  }

  /** @throws when the watch had ended before, so that states may be missing */
  async close(): Promise<void> {
    const failure = this.#failure;
    this.#abort.abort();
    await this.#reading;
    await this.#agent.close();
    if (failure !== undefined) throw new Error('the watch ended too soon', { cause: failure });
  }

  async #read(body: NodeJS.ReadableStream, seen: Seen): Promise<void> {
    try {
      for await (const line of createInterface({ input: body })) {
        const atMs = performance.timeOrigin + performance.now();
        seen((JSON.parse(line) as { object: KubeItem }).object, atMs);
      }
      this.#failure = 'end of stream';
    } catch (error) {
      this.#failure = error;
    }
  }
}
