/**
 * The supervisor's time: the wall clock at its start, and from there the monotonic clock, so that the times in a log
 * never go back. (It takes no Clock from telemetry: it starts once per attempt and should start fast.)
 */
export function wallTime(): Date {
  return new Date(performance.timeOrigin + performance.now());
}
