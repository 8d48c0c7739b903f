import { setTimeout as sleep } from 'node:timers/promises';
import type { Rest } from './rest.ts';
import { elapsedSeconds, say } from './say.ts';
import { follow } from './server-sent-events.ts';

/** A build as the REST API shows it, as far as it is printed. */
export interface BuildView {
  readonly id: string;
  readonly build_number: number;
  readonly status: string;
  readonly reason: string | null;
  readonly message: string | null;
  readonly image: { readonly repository: string; readonly tags: readonly string[]; readonly digest: string } | null;
}

interface BuildEvent {
  readonly subject?: string;
  readonly from?: string | null;
  readonly to?: string | null;
  readonly reason?: string | null;
  readonly message?: string | null;
}

interface LogLine {
  readonly task?: string;
  readonly step?: string;
  readonly text?: string;
  /** Why bytes are missing; the text then says what is missing. */
  readonly gap?: string;
}

const TERMINAL = ['completed', 'failed', 'cancelled'];
const POLL_MS = 500;
/** The streams end by themselves; this is for one whose end got lost. */
const STREAMS_END_MS = 10_000;

/** One line of the timeline without its time; undefined when it says nothing that a reader needs. */
function describe(event: BuildEvent): string | undefined {
  const ended = event.subject !== 'execution' && TERMINAL.includes(event.to ?? '');
  const said = ended || !event.reason ? event.message : undefined;
  const why = [event.reason, said].filter(Boolean).join(': ');
  if (event.subject === 'waiting') return event.to ? `waiting: ${event.message ?? event.reason ?? ''}` : undefined;
  const change = `${event.from ? `${event.from} → ` : ''}${event.to ?? ''}`;
  return `${event.subject ?? 'build'} ${change}${why === '' ? '' : ` (${why})`}`;
}

async function showEvents(rest: Rest, buildId: string, signal: AbortSignal): Promise<void> {
  for await (const { data } of follow(rest.url(`/builds/${buildId}/events/stream`), rest.headers(), signal)) {
    const text = describe(JSON.parse(data) as BuildEvent);
    if (text !== undefined) say(`[${elapsedSeconds().toFixed(1).padStart(5)} s] ${text}`);
  }
}

async function showLog(rest: Rest, buildId: string, signal: AbortSignal): Promise<void> {
  for await (const { data } of follow(rest.url(`/builds/${buildId}/logs/stream`), rest.headers(), signal)) {
    const line = JSON.parse(data) as LogLine;
    const text = line.gap === undefined ? (line.text ?? '') : `[${line.gap}: ${line.text ?? ''}]`;
    say(`  ${`${line.task ?? ''}/${line.step ?? ''}`.padEnd(20)} | ${text}`);
  }
}

async function untilEnded(rest: Rest, buildId: string, signal: AbortSignal): Promise<BuildView | undefined> {
  while (!signal.aborted) {
    const build = await rest.send<BuildView>('GET', `/builds/${buildId}`);
    if (TERMINAL.includes(build.status)) return build;
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** Shows a build's timeline and log while they grow, to its end; undefined when the signal ended it before. */
export async function followBuild(rest: Rest, buildId: string, signal: AbortSignal): Promise<BuildView | undefined> {
  const streams = new AbortController();
  const both = AbortSignal.any([signal, streams.signal]);
  const shown = Promise.all([showEvents(rest, buildId, both), showLog(rest, buildId, both)]);
  shown.catch(() => undefined);
  try {
    const build = await Promise.race([
      untilEnded(rest, buildId, both),
      shown.then(() => untilEnded(rest, buildId, both)),
    ]);
    await Promise.race([shown, sleep(STREAMS_END_MS, undefined, { signal: both }).catch(() => undefined)]);
    return build;
  } finally {
    streams.abort();
  }
}
