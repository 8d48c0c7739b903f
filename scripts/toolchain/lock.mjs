import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Identity of a process: its pid, and where the system tells it when it started, because pids are used again. */
function identityOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return `${pid}`;
  }
}

function isAlive(identity) {
  const pid = Number(identity.split(' ')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  return identityOf(pid) === identity;
}

/** True when the lock file is now ours: a hard link appears with its content or not at all. */
function take(file, own) {
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a dead owner's lock away; puts it back when a living one had taken it in between. */
function removeDead(file, own) {
  const aside = `${own}.dead`;
  try {
    const owner = readFileSync(file, 'utf8');
    if (isAlive(owner)) return;
    rmSync(`${file}.${owner.split(' ')[0]}`, { force: true });
    renameSync(file, aside);
    if (isAlive(readFileSync(aside, 'utf8'))) take(file, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Runs `work` while no other process of this checkout is inside. The lock of a process that has died is taken over.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  const own = `${file}.${process.pid}`;
  writeFileSync(own, identityOf(process.pid));
  try {
    for (let tries = 0; !take(file, own); tries += 1) {
      removeDead(file, own);
      if (tries === 2) process.stderr.write('· another command is setting up this checkout; waiting for it …\n');
      if (tries > 0) await sleep(200);
    }
    return await work();
  } finally {
    try {
      if (readFileSync(file, 'utf8') === readFileSync(own, 'utf8')) rmSync(file, { force: true });
    } catch {
      // Never taken: nothing to give back.
    }
    rmSync(own, { force: true });
  }
}
