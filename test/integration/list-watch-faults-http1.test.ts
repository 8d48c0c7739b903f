/** The same watches, from an API server that speaks HTTP/1.1 only. */
import { spoken } from './spoken.ts';

spoken.http2 = false;
await import('./list-watch-faults.test.ts');
