import { DomainError } from '@image-factory/domain';
import type { Dispatcher } from 'undici';

/** Knows whether a request's first byte was written, so that a failure is `notSent` or `unknown`, not a guess. */
export interface SentTracker {
  sent: boolean;
  /**
   * Undici sends a request once more when HTTP/2 says that it was not looked at, and when another connection ends. A write
   * is not: whoever asked for it was allowed to at that time, and may not be any more (correctness rule 3).
   */
  readonly mayRepeat: boolean;
  /** As in KubeRequest. */
  readonly mayWrite: (() => boolean) | undefined;
}

/** A dispatcher that marks the tracker when a socket is about to take the request. */
export function trackSent(dispatcher: Dispatcher, tracker: SentTracker): Dispatcher {
  return dispatcher.compose(
    (dispatch) => (options, handler) => dispatch(options, new TrackingHandler(handler, tracker)),
  );
}

class TrackingHandler implements Dispatcher.DispatchHandler {
  constructor(
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly tracker: SentTracker,
  ) {}

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    if (this.tracker.sent && !this.tracker.mayRepeat) throw brokenOff();
    if (this.tracker.mayWrite?.() === false) throw leaseLost();
    this.tracker.sent = true;
    this.handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>): void {
    this.handler.onRequestUpgrade?.(...args);
  }

  onResponseStart(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.handler.onResponseStart?.(...args);
  }

  onResponseData(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseData']>>): void {
    this.handler.onResponseData?.(...args);
  }

  onResponseEnd(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.handler.onResponseEnd?.(...args);
  }

  onResponseError(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseError']>>): void {
    this.handler.onResponseError?.(...args);
  }
}

function leaseLost(): DomainError {
  return new DomainError({
    kind: 'Conflict',
    reason: 'LeaseLost',
    message: 'The lease that allows the write ended while the request waited; nothing was sent.',
    details: { outcome: 'notSent' },
  });
}

function brokenOff(): Error {
  return Object.assign(new Error('the request was not taken'), { code: 'ERR_HTTP2_STREAM_ERROR' });
}
