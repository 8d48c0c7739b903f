/** Worker of `stuck-watch.ts`: says where the main thread stands when its event loop has not turned for long. */
import { writeSync } from 'node:fs';
import { type Debugger, type InspectorNotification, Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';
import { STUCK } from './crossing.ts';

const LOOK_MS = 1_000;
/** So many looks without a turn. A process that was frozen makes one look when it wakes, not many. */
const STUCK_LOOKS = 10;
const SHOWN_FRAMES = 30;

const turns = new Int32Array(workerData as SharedArrayBuffer);
let known = -1;
let looks = 0;

setInterval(() => {
  const now = Atomics.load(turns, 0);
  looks = now === known ? looks + 1 : 0;
  known = now;
  if (looks === STUCK_LOOKS) tellWhere();
}, LOOK_MS);

function tellWhere(): void {
  say(`for ${(STUCK_LOOKS * LOOK_MS) / 1000} s`);
  const session = new Session();
  session.connectToMainThread();
  const scripts = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }: InspectorNotification<Debugger.PausedEventDataType>) => {
    for (const { functionName, location } of params.callFrames.slice(0, SHOWN_FRAMES)) {
      const { scriptId, lineNumber, columnNumber = 0 } = location;
      say(`at ${functionName} (${scripts.get(scriptId) ?? ''}:${lineNumber + 1}:${columnNumber + 1})`);
    }
    session.post('Debugger.resume', () => session.disconnect());
  });
  session.post('Debugger.enable');
  // Without an answer it stands outside of JavaScript.
  session.post('Debugger.pause');
}

function say(line: string): void {
  writeSync(1, `${STUCK}${line}\n`);
}
