import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp, isIP, Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';

/** Where a server listens, as it was resolved and allowed. */
export interface TlsTarget {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** A server's certificate as admins see it. */
export interface PeerCertificate {
  readonly protocol: string | null;
  readonly subject: string;
  readonly issuer: string;
  /** DNS names and addresses that it is for. */
  readonly names: readonly string[];
  readonly valid_from: string;
  readonly expires_at: string;
}

export interface Handshake {
  readonly peer: PeerCertificate | undefined;
  /** Code of what is wrong with the certificate; undefined when it is trusted and carries the name. */
  readonly problem: string | undefined;
}

/** Opens a socket and closes it. @throws the socket's error, UND_ERR_CONNECT_TIMEOUT */
export async function reachTcp(target: TlsTarget, timeoutMs: number): Promise<void> {
  await opened(connectTcp({ host: target.address, port: target.port }), 'connect', timeoutMs, () => undefined);
}

/**
 * Shakes hands and closes. The certificate is judged here and not by the socket, so that it can be shown when it is
 * wrong, too; nothing is ever sent over this socket. `target`: an address, or a socket that leads there.
 * @throws the socket's error when there is no certificate to judge, UND_ERR_CONNECT_TIMEOUT
 */
export async function shakeHands(
  target: TlsTarget | Socket,
  options: { readonly ca: string | undefined; readonly serverName: string; readonly timeoutMs: number },
): Promise<Handshake> {
  const { ca, serverName, timeoutMs } = options;
  const socket = connectTls({
    ...(target instanceof Socket ? { socket: target } : { host: target.address, port: target.port }),
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
    ...(ca === undefined ? {} : { ca }),
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
  });
  return opened(socket, 'secureConnect', timeoutMs, () => handshakeOf(socket));
}

function handshakeOf(socket: TLSSocket): Handshake {
  const certificate = socket.getPeerX509Certificate();
  const problem: unknown = socket.authorized ? undefined : socket.authorizationError;
  return {
    peer: certificate === undefined ? undefined : peerOf(certificate, socket.getProtocol()),
    problem: problem === undefined || problem === null ? undefined : String(problem),
  };
}

function peerOf(certificate: X509Certificate, protocol: string | null): PeerCertificate {
  const names = (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== '');
  return {
    protocol,
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: names.map((name) => name.replace(/^(?:DNS|IP Address):/, '')),
    valid_from: certificate.validFromDate.toISOString(),
    expires_at: certificate.validToDate.toISOString(),
  };
}

function oneLine(name: string): string {
  return name.split('\n').join(', ');
}

/** Resolves with what is read when the socket stands, and closes it in any case. */
function opened<T>(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number, read: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('timed out'), { code: 'UND_ERR_CONNECT_TIMEOUT' })),
      timeoutMs,
    );
    socket.once('error', reject);
    socket.once(event, () => {
      resolve(read());
      socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    });
  });
}
