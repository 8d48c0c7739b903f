import { isReason } from '@image-factory/domain';
import type { Reason } from '@image-factory/domain';

/** The last lines of a failed step's log, as text for people. */
export interface LogTail {
  readonly lines: readonly string[];
  /** There may be more of it, which could not be read: it shows something and decides nothing. */
  readonly isUnread?: boolean;
}

const SHOWN_LINES = 8;
const SHOWN_CHARACTERS = 1500;

/** Prefix of the line by which our Tasks name a cause that they alone can tell from the tool's words. */
const REASON_LINE = /^image-factory: reason=([A-Za-z]+)\s*$/;

/** The reason that the Task reported, when its last line is one; a build's own output before it never decides. */
export function reportedReason(tail: LogTail | undefined): Reason | undefined {
  const word = REASON_LINE.exec(tail?.lines.at(-1) ?? '')?.[1];
  return word !== undefined && isReason(word) ? word : undefined;
}

/** The last lines without the report line, colours and control characters, bounded. */
export function shownTail(tail: LogTail | undefined): string {
  const lines = (tail?.lines ?? [])
    .filter((line) => !REASON_LINE.test(line))
    .map(plain)
    .filter((line) => line.trim() !== '');
  return lines.slice(-SHOWN_LINES).join('\n').slice(-SHOWN_CHARACTERS);
}

function plain(line: string): string {
  return line
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
    .trimEnd();
}
