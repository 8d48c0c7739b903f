import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import { FAKE_CA, FAKE_SERVER_CERTIFICATE, FAKE_SERVER_KEY } from './certificates.js';

export interface FakeListenerOptions {
  readonly tls: boolean;
  readonly http2?: boolean;
  readonly maxStreams?: number;
}

const KEEP_ALIVE_MS = 60_000;
const MAX_STREAMS = 250;

/** A server that speaks what its options say, and calls one listener whatever was spoken. */
export function fakeListener({ tls, http2, maxStreams }: FakeListenerOptions, listener: RequestListener): Server {
  const server = !tls
    ? createHttpServer(listener)
    : http2 === false
      ? createHttpsServer(TLS, listener)
      : createSecureServer(
          { ...TLS, allowHTTP1: true, settings: { maxConcurrentStreams: maxStreams ?? MAX_STREAMS } },
          // Node's requests and answers of HTTP/2 have the members of those of HTTP/1.1 that a listener uses.
          listener as unknown as Parameters<typeof createSecureServer>[1],
        );
  return Object.assign(server, { keepAliveTimeout: KEEP_ALIVE_MS });
}

const TLS = {
  key: FAKE_SERVER_KEY,
  cert: FAKE_SERVER_CERTIFICATE,
  ca: FAKE_CA,
  requestCert: true,
  rejectUnauthorized: false,
};
