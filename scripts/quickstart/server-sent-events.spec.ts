import { describe, expect, it } from 'vitest';
import { EventParser } from './server-sent-events.ts';

describe('EventParser', () => {
  it('reads events that arrive in pieces', () => {
    const parser = new EventParser();
    expect(parser.push('id: 1:build/')).toEqual([]);
    expect(parser.push('build:10\nevent: log\ndata: {"a":1}\n')).toEqual([]);
    expect(parser.push('\nid: 2\ndata: x\ndata: y\n\n')).toEqual([
      { id: '1:build/build:10', event: 'log', data: '{"a":1}' },
      { id: '2', event: 'message', data: 'x\ny' },
    ]);
  });

  it('passes over comments and keeps an event without data', () => {
    expect(new EventParser().push(': keep alive\n\nevent: end\n\n')).toEqual([
      { id: undefined, event: 'end', data: '' },
    ]);
  });
});
