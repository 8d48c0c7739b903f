import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { FAKE_CA, FAKE_SERVER_CERTIFICATE, FAKE_SERVER_KEY } from './fake-kube-api-server/certificates.js';

const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7 } as const;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const PREFACE_BYTES = 24;
const HEAD_BYTES = 9;
const INITIAL_WINDOW_SIZE = 4;
/** `:status 200` of HPACK's static table (RFC 7541 appendix A). */
const STATUS_200 = Buffer.from([0x88]);
const LAST_STREAM = 0x7fff_ffff;

/** One request of a {@link RawHttp2Server}, whose head is answered with 200; what follows is the test's. */
export class RawStream {
  constructor(
    /** The connection it came on. */
    readonly socket: TLSSocket,
    readonly id: number,
  ) {}

  data(text: string): void {
    this.socket.write(frame(TYPE.data, 0, this.id, Buffer.from(text)));
  }

  /** The body ends as it should, with END_STREAM. */
  end(): void {
    this.socket.write(frame(TYPE.data, END_STREAM, this.id));
  }

  /** RST_STREAM with this code (RFC 9113 section 7). */
  reset(code: number): void {
    this.socket.write(frame(TYPE.reset, 0, this.id, words(code)));
  }

  /** GOAWAY with this code: the connection takes no new streams. Those up to `lastStream` go on; default all. */
  goAway(code = 0, lastStream = LAST_STREAM): void {
    this.socket.write(frame(TYPE.goaway, 0, 0, words(lastStream, code)));
  }
}

/**
 * An HTTP/2 server that sends the frames which a test asks for, and nothing by itself: node's own server ends a body
 * properly before it resets the stream, which is what proxies and servers that lose a body do not do.
 */
export class RawHttp2Server {
  /** Requests that came in, oldest first. */
  readonly streams: RawStream[] = [];
  /** Streams that clients have reset, by id, with the code. */
  readonly resets = new Map<number, number>();
  /** Pings that were answered. */
  pingsAnswered = 0;
  /** SETTINGS_INITIAL_WINDOW_SIZE of the last client: bytes of one stream that it takes unasked. */
  clientWindowBytes: number | undefined;
  readonly #sockets = new Set<TLSSocket>();
  readonly #silent = new WeakSet<TLSSocket>();
  readonly #server: Server;

  private constructor() {
    const options = { key: FAKE_SERVER_KEY, cert: FAKE_SERVER_CERTIFICATE, ALPNProtocols: ['h2'] };
    this.#server = createServer(options, (socket) => this.#serve(socket));
  }

  static async start(): Promise<RawHttp2Server> {
    const server = new RawHttp2Server();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** Provider config of auth method `token` that reaches this server. */
  get providerConfig(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return { auth_method: 'token', endpoint: `https://127.0.0.1:${port}`, token: 'any', ca_cert: FAKE_CA };
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Pings on this connection are read and not answered, as by a server that is frozen behind a kernel that is not. */
  silence(socket: TLSSocket): void {
    this.#silent.add(socket);
  }

  /** New connections are refused from now on, and those that are open stay: a server that shuts down. */
  stopListening(): void {
    this.#server.close();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.write(frame(TYPE.settings, 0, 0));
    let rest = Buffer.alloc(0);
    let begun = false;
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      if (!begun && rest.length >= PREFACE_BYTES) {
        begun = true;
        rest = rest.subarray(PREFACE_BYTES);
      }
      while (begun && rest.length >= HEAD_BYTES && rest.length >= HEAD_BYTES + rest.readUIntBE(0, 3)) {
        const end = HEAD_BYTES + rest.readUIntBE(0, 3);
        this.#take(socket, rest.subarray(0, end));
        rest = rest.subarray(end);
      }
    });
  }

  #take(socket: TLSSocket, bytes: Buffer): void {
    const payload = bytes.subarray(HEAD_BYTES);
    const isAck = (bytes.readUInt8(4) & ACK) !== 0;
    const type = bytes.readUInt8(3);
    if (type === TYPE.settings && !isAck) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE) this.clientWindowBytes = payload.readUInt32BE(at + 2);
      }
      socket.write(frame(TYPE.settings, ACK, 0));
    } else if (type === TYPE.ping && !isAck && !this.#silent.has(socket)) {
      this.pingsAnswered += 1;
      socket.write(frame(TYPE.ping, ACK, 0, payload));
    } else if (type === TYPE.reset) {
      this.resets.set(bytes.readUInt32BE(5), payload.readUInt32BE(0));
    } else if (type === TYPE.headers) {
      const stream = new RawStream(socket, bytes.readUInt32BE(5));
      socket.write(frame(TYPE.headers, END_HEADERS, stream.id, STATUS_200));
      this.streams.push(stream);
    }
  }
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
  return bytes;
}
