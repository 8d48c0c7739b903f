import type { LogStep } from '@image-factory/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { line, PlacedAttempt } from './api-execution-support.ts';
import { ADMIN_KEY, ApiHarness } from './api-support.ts';

const CLONE: LogStep = { task: 'clone', step: 'clone', ordinal: 100 };
const BUILD: LogStep = { task: 'build', step: 'build', ordinal: 200 };

interface SentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads a stream of server-sent events over a real socket until `until` says so or the server closes. */
async function readEvents(
  harness: ApiHarness,
  path: string,
  tenantId: string,
  options: {
    readonly lastEventId?: string | undefined;
    readonly until?: (events: readonly SentEvent[]) => boolean;
  } = {},
): Promise<SentEvent[]> {
  const abort = new AbortController();
  const response = await fetch(`${harness.api.url}${path}`, {
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      'x-tenant-id': tenantId,
      ...(options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId }),
    },
    signal: abort.signal,
  });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: SentEvent[] = [];
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk, { stream: true });
    const frames = rest.split('\n\n');
    rest = frames.pop() ?? '';
    events.push(...frames.flatMap(parseFrame));
    if (options.until?.(events) === true) break;
  }
  abort.abort();
  return events;
}

function parseFrame(frame: string): SentEvent[] {
  const fields = new Map(
    frame.split('\n').map((text) => [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 2)]),
  );
  const event = fields.get('event');
  return event === undefined ? [] : [{ id: fields.get('id'), event, data: JSON.parse(fields.get('data') ?? '{}') }];
}

describe('a build log', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;
  const attempts: PlacedAttempt[] = [];

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    projectId = await harness.createProject(tenantId);
  });
  afterAll(async () => {
    for (const attempt of attempts) await attempt.close();
    await harness.stop();
  });

  async function runningBuild(): Promise<{ id: string; attempt: PlacedAttempt; logs: string }> {
    const { body } = await harness.submit(tenantId, projectId);
    const attempt = await PlacedAttempt.place(harness, body.id);
    attempts.push(attempt);
    return { id: body.id, attempt, logs: `/api/v1/builds/${body.id}/logs` };
  }

  it('is, as text, exactly the bytes that the steps wrote', async () => {
    const { attempt, logs } = await runningBuild();
    const odd = Buffer.from([0xff, 0xfe, 0x00, 0x41]);
    await attempt.write(CLONE, line('Cloning…'), line(''), line('ünïcödé'));
    await attempt.write(BUILD, line('step one'), line(odd), line('last without line feed', 1, false));
    const answer = await harness.api.app.inject({
      method: 'GET',
      url: logs,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-tenant-id': tenantId },
    });
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    const expected = Buffer.concat([
      Buffer.from('Cloning…\n\nünïcödé\nstep one\n'),
      odd,
      Buffer.from('\nlast without line feed'),
    ]);
    expect(answer.rawPayload.equals(expected)).toBe(true);
  });

  it('is filtered by step, since, tail and attempt', async () => {
    const { attempt, logs } = await runningBuild();
    await attempt.write(CLONE, line('c1', 1), line('c2', 2));
    await attempt.write(BUILD, line('b1', 3), line('b2', 4), line('b3', 5));
    const read = async (query: string): Promise<string> =>
      (await harness.call('GET', `${logs}?${query}`, { tenantId })).text;
    expect(await read('step=build')).toBe('b1\nb2\nb3\n');
    expect(await read('step=clone/clone')).toBe('c1\nc2\n');
    expect(await read('tail=2')).toBe('b2\nb3\n');
    expect(await read('tail=4')).toBe('c2\nb1\nb2\nb3\n');
    expect(await read('tail=0')).toBe('');
    expect(await read('since=2026-01-01T12:00:04Z')).toBe('b2\nb3\n');
    expect(await read('since=2026-01-01T13:00:02%2B01:00&step=clone')).toBe('c2\n');
    expect(await read('attempt=all')).toBe('c1\nc2\nb1\nb2\nb3\n');
    expect((await harness.call('GET', `${logs}?attempt=7`, { tenantId })).status).toBe(404);
    expect(
      (await harness.call('GET', `${logs}?tail=x&step=a%20b&since=now&foo=1`, { tenantId })).body.errors,
    ).toHaveLength(4);
  });

  it('is told as JSON lines with explicit gaps', async () => {
    const { attempt, logs } = await runningBuild();
    await attempt.write(
      BUILD,
      line('before', 1),
      { kind: 'gap', time: '2026-01-01T12:00:02Z', reason: 'LogGap', message: 'rotated away' },
      line('after', 3),
    );
    const answer = await harness.call('GET', logs, { tenantId, headers: { accept: 'application/x-ndjson' } });
    expect(answer.headers['content-type']).toContain('application/x-ndjson');
    const records = answer.text
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(records).toMatchObject([
      { attempt: 1, task: 'build', step: 'build', line: 1, text: 'before' },
      { text: 'rotated away', gap: 'LogGap' },
      { line: 2, text: 'after' },
    ]);
    const plain = await harness.call('GET', logs, { tenantId });
    expect(plain.text).toBe('before\n[image-factory: LogGap: rotated away]\nafter\n');
  });

  it('is streamed while it grows and ends with the build', async () => {
    const { id, attempt, logs } = await runningBuild();
    await attempt.write(CLONE, line('one'));
    const reading = readEvents(harness, `${logs}/stream`, tenantId);
    await attempt.write(CLONE, line('two'));
    await attempt.endStep(CLONE);
    await attempt.write(BUILD, line('three'));
    await attempt.finish();
    const events = await reading;
    expect(events.map((event) => event.data['text'])).toEqual(['one', 'two', 'three', undefined]);
    expect(events.map((event) => event.id)).toEqual([
      '1:clone/clone:4',
      '1:clone/clone:8',
      '1:build/build:6',
      undefined,
    ]);
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { status: 'completed' } });
    expect(id).toBeDefined();
  });

  it('resumes from every id without loss or repetition, gaps included', async () => {
    const { attempt, logs } = await runningBuild();
    const gap = (message: string) => ({
      kind: 'gap' as const,
      time: '2026-01-01T12:00:02Z',
      reason: 'LogGap',
      message,
    });
    await attempt.write(CLONE, line('a'), gap('first'), gap('second'), line('b'));
    await attempt.endStep(CLONE);
    await attempt.write(BUILD, gap('at the beginning'), line('c'), line('d', 1, false));
    await attempt.endStep(BUILD);
    await attempt.finish();
    const all = await readEvents(harness, `${logs}/stream`, tenantId);
    expect(all.map((event) => event.data['text'])).toEqual([
      'a',
      'first',
      'second',
      'b',
      'at the beginning',
      'c',
      'd',
      undefined,
    ]);
    for (let index = 0; index < all.length - 1; index += 1) {
      const rest = await readEvents(harness, `${logs}/stream`, tenantId, { lastEventId: all[index]!.id });
      expect(rest).toEqual(all.slice(index + 1));
    }
  });

  it('goes on over several attempts', async () => {
    const { id, attempt, logs } = await runningBuild();
    await attempt.write(BUILD, line('first try'));
    await attempt.finish('queued');
    const second = await PlacedAttempt.place(harness, id, 2);
    attempts.push(second);
    await second.write(BUILD, line('second try'));
    await second.finish();
    const events = await readEvents(harness, `${logs}/stream`, tenantId);
    expect(events.map((event) => event.id)).toEqual(['1:build/build:10', '2:build/build:11', undefined]);
    expect((await harness.call('GET', logs, { tenantId })).text).toBe('second try\n');
    expect((await harness.call('GET', `${logs}?attempt=1`, { tenantId })).text).toBe('first try\n');
    expect((await harness.call('GET', `${logs}?attempt=all`, { tenantId })).text).toBe('first try\nsecond try\n');
    const executions = await harness.call('GET', `/api/v1/builds/${id}/executions`, { tenantId });
    expect(
      executions.body.items.map((item: { attempt: number; status: string }) => [item.attempt, item.status]),
    ).toEqual([
      [1, 'failed'],
      [2, 'succeeded'],
    ]);
    expect(executions.body.items.map((item: { retry: unknown }) => item.retry)).toEqual([null, null]);
    await harness.sql.query(
      `UPDATE build_executions SET failure_class = 'disruption', retry_decision = 'retry', retry_reason = 'CauseMayPass',
         retry_message = 'may pass', cpu_millis = 500, memory_bytes = 3221225472, next_attempt_at = '2026-01-01T00:00:00Z' WHERE build_id = $1 AND attempt = 1`,
      [id],
    );
    const said = await harness.call('GET', `/api/v1/builds/${id}/executions`, { tenantId });
    expect(said.body.items[0].resources).toMatchObject({ cpu: '500m', memory: '3Gi' });
    expect(said.body.items[0].retry).toEqual({
      decision: 'retry',
      class: 'disruption',
      reason: 'CauseMayPass',
      message: 'may pass',
      next_attempt_at: '2026-01-01T00:00:00.000Z',
    });
  });

  it('streams the timeline and resumes it', async () => {
    const { body } = await harness.submit(tenantId, projectId);
    const path = `/api/v1/builds/${body.id}/events/stream`;
    const reading = readEvents(harness, path, tenantId);
    await harness.call('POST', `/api/v1/builds/${body.id}/cancel`, { tenantId, body: { reason: 'enough' } });
    const events = await reading;
    expect(events.map((event) => event.data['to'])).toEqual(['queued', 'cancelled', undefined]);
    expect(events.at(-1)?.event).toBe('end');
    const rest = await readEvents(harness, path, tenantId, { lastEventId: events[0]!.id });
    expect(rest).toEqual(events.slice(1));
  });

  it('serves the stored run as JSON, or as YAML when asked', async () => {
    const { id } = await runningBuild();
    const path = `/api/v1/builds/${id}/pipeline-run`;
    const json = await harness.call('GET', path, { tenantId });
    expect(json.body).toMatchObject({ kind: 'PipelineRun', metadata: { name: 'sent' } });
    const yaml = await harness.call('GET', path, { tenantId, headers: { accept: 'application/yaml' } });
    expect(yaml.headers['content-type']).toContain('application/yaml');
    expect(yaml.text).toContain('kind: PipelineRun');
    expect((await harness.call('GET', `${path}?attempt=9`, { tenantId })).status).toBe(404);
  });

  it('ends streams when the process stops', async () => {
    const own = await ApiHarness.start();
    const tenant = await own.createTenant();
    const { body } = await own.submit(tenant, await own.createProject(tenant));
    let opened: () => void = () => undefined;
    const open = new Promise<void>((resolve) => (opened = resolve));
    const reading = readEvents(own, `/api/v1/builds/${body.id}/events/stream`, tenant, {
      until: (events) => {
        if (events.length === 1) opened();
        return false;
      },
    });
    await open;
    const startedMs = performance.now();
    await own.stop();
    expect((await reading).map((event) => event.event)).toEqual(['build']);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});
