/**
 * HTTP/2 to API servers: what undici's client and node leave to us.
 *
 * - **A stream is whole only when END_STREAM has come** (RFC 9113 section 8.1). Node ends the body of a stream that its peer
 *   reset with NO_ERROR or CANCEL as if all of it were there; proxies in front of API servers reset so when they lose
 *   theirs. What was read then would be taken for the whole log. Such a stream fails here.
 * - **A peer that is silent is noticed**: new streams go to the connection that is there, so one that leads nowhere (a host
 *   that froze, a load balancer that forgot it) would be tried for ever. Each connection is pinged (section 6.7); when a
 *   ping has no answer by the next, the connection is destroyed, its streams break, and their readers open others.
 * - **A stream whose body is not sent yet is reset when it is given up**. Undici closes it with NO_ERROR and destroys it at
 *   once. Then no RST_STREAM goes out, and node asks the stream that is gone for the rest of its body, without end: the
 *   event loop stands still and memory fills (node 24.21, `Http2Session::SendPendingData`). Such a stream is reset with
 *   CANCEL, and node destroys it when that has gone out, which a write under way may delay.
 *
 * All need the stream, which undici keeps to itself: node tells of each that is made (`http2.client.stream.created`). Only
 * those on sockets of a watched connector are touched.
 */
import { subscribe } from 'node:diagnostics_channel';
import { type ClientHttp2Stream, constants, type Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { PING_UNANSWERED } from '../error/network-error.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

/** Node tells of streams since 24.1; before, nothing here would hold, and HTTP/1.1 is spoken. */
export const SPEAKS_HTTP2 = major > 24 || (major === 24 && minor >= 1);

/** Bytes of one stream that may be under way or unread: what a slow reader costs, at most. */
export const STREAM_WINDOW_BYTES = 128 * 1024;

/**
 * Options of an undici Agent whose streams share connections. A reader that does not read stops its own stream only:
 * node gives the connection's window back when bytes arrive, read or not, so its size bounds nothing but speed.
 */
export const HTTP2_SESSION = {
  h2Options: {
    /** More open another connection. An API server takes 100 or more, and says when it takes fewer. */
    maxConcurrentStreams: 100,
    connectionWindowSize: 1024 * 1024,
    /** The pings are sent here: undici does not mind when they are not answered. */
    pingInterval: 0,
  },
  // Not in h2Options: undici 8.12 checks it there, and reads it here.
  initialWindowSize: STREAM_WINDOW_BYTES,
};

const WATCH = Symbol('image-factory stream session');
const pinged = new WeakSet<Http2Session>();

interface Watch {
  readonly socket: Socket;
  readonly pingMs: number;
}

/** The same connector; of its sockets that speak HTTP/2 the streams end as said above, and they are pinged. */
export function watchedSessions(connect: buildConnector.connector, pingMs: number): buildConnector.connector {
  return (target, callback) => {
    connect(target, (...[error, socket]) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      const watch: Watch = { socket, pingMs };
      callback(null, Object.assign(socket, { [WATCH]: watch }));
    });
  };
}

subscribe('http2.client.stream.created', (message) => {
  const { stream } = message as { stream: ClientHttp2Stream };
  const { session } = stream;
  // What a session gives as its socket is a proxy, through which the socket's own members are read.
  const watch = (session?.socket as (Socket & { [WATCH]?: Watch }) | undefined)?.[WATCH];
  if (watch === undefined || session === undefined) return;
  failUnlessWhole(stream);
  resetUnlessSent(stream);
  if (pinged.has(session)) return;
  pinged.add(session);
  keepPinging(session, watch);
});

/** The body ends when END_STREAM comes, which is before the stream is closed; an end that comes with the close is none. */
function failUnlessWhole(stream: ClientHttp2Stream): void {
  // Undici takes its listeners off when it is done with a stream; an error after that has no reader, and would end the process.
  stream.on('error', () => undefined);
  const push = stream.push.bind(stream);
  let whole = false;
  stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk !== null) return push(chunk, encoding);
    whole ||= !stream.closed;
    if (whole) return push(null);
    // Not now: node goes on with the stream that it is closing.
    if (!stream.destroyed) process.nextTick(() => stream.destroy(cutOff()));
    return false;
  };
}

function resetUnlessSent(stream: ClientHttp2Stream): void {
  const close = stream.close.bind(stream);
  const destroy = stream.destroy.bind(stream);
  let isLeftToNode = false;
  stream.close = (code = constants.NGHTTP2_NO_ERROR, callback?: () => void): void => {
    const isGet = stream.sentHeaders?.[':method'] === 'GET';
    if (isGet || stream.writableFinished || code !== constants.NGHTTP2_NO_ERROR) return close(code, callback);
    isLeftToNode = true;
    queueMicrotask(() => (isLeftToNode = false));
    close(constants.NGHTTP2_CANCEL, callback);
  };
  // Undici destroys in the same breath in which it closes.
  stream.destroy = (error?: Error) => (isLeftToNode ? stream : destroy(error));
}

/**
 * Until the session closes. One that was told to go away (GOAWAY) takes no ping and no new stream: what is silent on it is
 * opened elsewhere by its reader.
 */
function keepPinging(session: Http2Session, { socket, pingMs }: Watch): void {
  let answered = true;
  const timer = setInterval(() => {
    if (session.closed || session.destroyed) {
      clearInterval(timer);
    } else if (answered) {
      answered = false;
      session.ping((error) => (answered = error === null));
    } else {
      // After this turn's input: the answer of a peer that is alive is there when it was this process that froze.
      setImmediate(() => {
        if (!answered && !session.closed) socket.destroy(silent(pingMs));
      });
    }
  }, pingMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}

function cutOff(): Error {
  return Object.assign(new Error('the stream was reset before its end'), { code: 'ERR_HTTP2_STREAM_ERROR' });
}

function silent(pingMs: number): Error {
  return Object.assign(new Error(`no answer to a ping in ${pingMs} ms`), { code: PING_UNANSWERED });
}
