import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOkResponse } from '@nestjs/swagger';

/** Says that a route answers server-sent events, which resume. `cursor` describes what is sent back to go on. */
export function StreamedAs(cursor: string): MethodDecorator {
  return applyDecorators(
    ApiHeader({ name: 'Last-Event-ID', required: false, description: cursor, schema: { type: 'string' } }),
    ApiOkResponse({
      description: 'Events with `id`, `event` and JSON `data`; a comment every 15 s; `event: end` closes',
      content: {
        'text/event-stream': {
          schema: {
            type: 'object',
            description: 'Each event',
            required: ['event', 'data'],
            properties: {
              id: { type: 'string' },
              event: { type: 'string' },
              data: { type: 'string', description: 'JSON' },
            },
          },
        },
      },
    }),
  );
}
