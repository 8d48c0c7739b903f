import { migrate } from '@image-factory/migrations';
import pg from 'pg';

/** An empty database on the server. */
export async function makeDatabase(serverUrl: string, name: string): Promise<string> {
  await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}

/** A database with the product's schema. */
export async function makeMigratedDatabase(serverUrl: string, name: string): Promise<string> {
  const url = await makeDatabase(serverUrl, name);
  await migrate({ url });
  return url;
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
