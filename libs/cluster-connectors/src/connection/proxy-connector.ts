import type { Socket } from 'node:net';
import { DomainError } from '@image-factory/domain';
import { egressConnector, type EgressPolicy } from '@image-factory/egress';
import { buildConnector } from 'undici';
import { errorCode } from '../error/network-error.js';

const MOST_HEAD_BYTES = 16 * 1024;

/**
 * A `connect` for undici's Agent that goes through an HTTP proxy (`CONNECT`, RFC 9110 section 9.3.6). The proxy's
 * address is judged by the egress policy at each socket; the API server's name is resolved by the proxy, so of it only
 * what is written can be judged, before. TLS is spoken with the API server, through the tunnel: the proxy sees no token.
 */
export function proxyConnector(
  policy: EgressPolicy,
  proxy: string,
  options: buildConnector.BuildOptions,
): buildConnector.connector {
  const timeoutMs = options.timeout ?? 10_000;
  const toTarget = buildConnector(options);
  return (target, callback) => {
    const authority = `${target.hostname}:${target.port === '' ? defaultPort(target.protocol) : target.port}`;
    openTunnel(policy, proxy, authority, timeoutMs).then(
      (socket) => {
        if (target.protocol === 'https:') toTarget({ ...target, httpSocket: socket }, callback);
        else callback(null, socket);
      },
      (error: unknown) => callback(error as Error, null),
    );
  };
}

/**
 * A socket that leads through the proxy to `authority` (`host:port`).
 * @throws DomainError ClusterUnreachable, or the refusal of the egress rules
 */
export async function openTunnel(
  policy: EgressPolicy,
  proxy: string,
  authority: string,
  timeoutMs: number,
): Promise<Socket> {
  const { hostname, port, protocol, host } = new URL(proxy);
  const toProxy = egressConnector(policy, 'proxy', { allowH2: false, timeout: timeoutMs });
  const socket = await new Promise<Socket>((resolve, reject) => {
    toProxy({ hostname, host, protocol, port }, (error, made) => {
      if (made === null) reject(proxyError(host, error, 'it cannot be reached'));
      else resolve(made);
    });
  });
  try {
    await tunnel(socket, authority, timeoutMs);
    return socket;
  } catch (problem) {
    socket.destroy();
    throw proxyError(host, problem, problem instanceof Refusal ? problem.message : 'it broke off');
  }
}

class Refusal extends Error {}

/** Asks for the tunnel; resolves when it stands. */
async function tunnel(socket: Socket, authority: string, timeoutMs: number): Promise<void> {
  const head = readHead(socket, timeoutMs);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Connection: keep-alive\r\n\r\n`);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(await head)?.[1];
  if (status === undefined) throw new Refusal('it does not speak HTTP');
  if (status === '407') throw new Refusal('it wants credentials (407), which are not supported');
  if (!status.startsWith('2')) throw new Refusal(`it answered ${status} to CONNECT`);
}

/** The answer's head. Nothing follows it: with TLS and HTTP the client speaks first. */
function readHead(socket: Socket, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const done = (act: () => void): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('error', onError).off('close', onClose);
      act();
    };
    const timer = setTimeout(() => done(() => reject(new Refusal('it does not answer in time'))), timeoutMs);
    const onError = (error: Error): void => done(() => reject(error));
    const onClose = (): void => done(() => reject(new Error('closed')));
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        text += chunk.toString('latin1');
      }
      if (text.includes('\r\n\r\n')) done(() => resolve(text));
      else if (text.length > MOST_HEAD_BYTES) done(() => reject(new Refusal('it does not speak HTTP')));
    };
    socket.on('readable', onReadable).on('error', onError).on('close', onClose);
  });
}

function proxyError(host: string, cause: unknown, says: string): Error {
  if (cause instanceof DomainError) return cause;
  const code = errorCode(cause);
  return new DomainError({
    kind: 'Unavailable',
    reason: 'ClusterUnreachable',
    fault: 'cluster',
    retryable: true,
    message: `The API server cannot be reached through the proxy ${host}: ${says}${code === undefined ? '' : ` (${code})`}.`,
    details: { code, outcome: 'notSent' },
  });
}

function defaultPort(protocol: string): string {
  return protocol === 'https:' ? '443' : '80';
}
