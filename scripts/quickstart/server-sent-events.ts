/** One event of a stream. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

const RETRY_MS = 500;

/** Splits the text of a stream into events, by https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export class EventParser {
  #rest = '';

  /** Events that are complete with this chunk. */
  push(chunk: string): ServerSentEvent[] {
    const blocks = (this.#rest + chunk).replaceAll(/\r\n?/g, '\n').split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(parseBlock).filter((event) => event !== undefined);
  }
}

function parseBlock(block: string): ServerSentEvent | undefined {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0 || line === '') continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 && event === 'message' ? undefined : { id, event, data: data.join('\n') };
}

/**
 * Follows a stream to its `end` event. A connection that breaks is made again from the last event that arrived, so that
 * nothing is missed and nothing comes twice.
 */
export async function* follow(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  let lastId: string | undefined;
  while (!signal.aborted) {
    try {
      const resume = lastId === undefined ? {} : { 'last-event-id': lastId };
      const answer = await fetch(url, { headers: { ...headers, ...resume, accept: 'text/event-stream' }, signal });
      if (!answer.ok || answer.body === null) throw new Error(`${answer.status} ${await answer.text()}`);
      const parser = new EventParser();
      const decoder = new TextDecoder();
      for await (const chunk of answer.body) {
        for (const event of parser.push(decoder.decode(chunk, { stream: true }))) {
          if (event.event === 'end') return;
          if (event.id !== undefined) lastId = event.id;
          yield event;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Error && /^4\d\d /.test(error.message)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
