import type pg from 'pg';

/** What the driver has beneath a client, which its types do not tell. */
interface Wired {
  readonly connection: {
    readonly stream: { readonly writableCorked?: number; cork?: () => void; uncork?: () => void };
  };
}

/**
 * What is sent on this client until the event loop goes on leaves in one packet. The driver writes each statement by
 * itself: thirty that go out together would be thirty system calls here and as many wake-ups of the server.
 */
export function sendTogether(client: pg.PoolClient): void {
  const { stream } = (client as unknown as Wired).connection;
  if ((stream.writableCorked ?? 0) > 0) return;
  stream.cork?.();
  process.nextTick(() => stream.uncork?.());
}
