import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFree } from '../../start/ports.ts';
import { freePort } from '../../postgres/postgres-server.ts';
import { privateDir, type Settings } from '../../start/settings.ts';
import { commitExample, EXAMPLE } from '../example-repository.ts';
import { type GitServer, serveGit } from '../git-server.ts';

async function keptPort(file: string, host: string): Promise<number> {
  let kept = 0;
  try {
    kept = Number(readFileSync(file, 'utf8'));
  } catch {
    // The first run: any port will do.
  }
  if (kept > 0 && (await isFree(host, kept))) return kept;
  const port = await freePort();
  writeFileSync(file, String(port));
  return port;
}

/** Commits the example and serves it on this address, on the port of the last run when that is free. */
export async function serveExample(
  settings: Settings,
  host: string,
): Promise<{ readonly url: string; readonly server: GitServer }> {
  const directory = privateDir(settings, 'git');
  commitExample(directory);
  const server = await serveGit(directory, host, await keptPort(join(settings.dataDir, 'git-port'), host));
  return { url: `${server.url}/${EXAMPLE}.git`, server };
}
