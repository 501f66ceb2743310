/**
 * A port of this machine that leads to a database elsewhere. What comes in is PostgreSQL's protocol in clear, from this
 * machine alone; what goes out is TLS with the server verified. The way out is made when the first connection comes, not before.
 */
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { messageOf, OperatorError } from '../ops/errors';

/** First words of the protocol: https://www.postgresql.org/docs/18/protocol-message-formats.html. */
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
const PROTOCOL_3 = 196608;
const CONNECTION_FAILURE = '08006';
const LONGEST_STARTUP = 10_000;
const CONNECT_TIMEOUT_MS = 15_000;

/** A server, and what it must prove to be. */
export interface VerifiedServer {
  host: string;
  port: number;
  /** Certificate authority, PEM. */
  ca: string;
  /** Name or address that its certificate must be for. */
  name: string;
}

export interface GatewayArgs {
  /** 0: any free one. */
  port: number;
  /** Where connections go; asked for each of them. */
  server: () => Promise<VerifiedServer>;
  /** Told of each connection that found no way, in words. */
  failed?: (message: string) => void;
}

export interface Gateway {
  port: number;
  close(): void;
}

/**
 * Connects to a PostgreSQL server by TLS, verified in full.
 * @throws OperatorError where nobody answers, or somebody without the right certificate
 */
export async function connectVerified(server: VerifiedServer): Promise<TLSSocket> {
  const { host, port, ca, name } = server;
  const where = `${host}:${port}`;
  const socket = connectTcp({ host, port });
  socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
    socket.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`)),
  );
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      socket.once('error', reject).once('close', () => reject(new Error('the connection was closed')));
      socket.once('connect', () => {
        const request = Buffer.alloc(8);
        request.writeInt32BE(8, 0);
        request.writeInt32BE(SSL_REQUEST, 4);
        socket.write(request);
      });
      socket.once('data', (data) => resolve(data.toString('latin1')));
    });
    if (answer !== 'S') throw new Error('the server offers no TLS');
    return await new Promise<TLSSocket>((resolve, reject) => {
      const secure = connectTls({ socket, ca, host: name, minVersion: 'TLSv1.2' });
      secure.once('secureConnect', () => {
        socket.setTimeout(0);
        resolve(secure);
      });
      secure.once('error', reject);
    });
  } catch (error) {
    socket.destroy();
    throw new OperatorError(`the server at ${where} cannot be reached by TLS as ${name}: ${messageOf(error)}`, {
      next: 'is the server up? qbench host logs shows what the host says',
      cause: error,
    });
  }
}

/** Whether a server turns away a session that does not ask for TLS: it answers with an error, or closes. */
export function refusesClearText(
  { host, port }: Pick<VerifiedServer, 'host' | 'port'>,
  user: string,
  database: string,
): Promise<boolean> {
  const words = Buffer.from(`user\0${user}\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(words.length + 8, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port }, () => socket.write(Buffer.concat([head, words])));
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    // An authentication request (R) would mean that the session may go on.
    socket.once('data', (data) => {
      resolve(data.toString('latin1', 0, 1) === 'E');
      socket.destroy();
    });
    socket.once('close', () => resolve(true)).once('error', reject);
  });
}

/** An error as the server would send it, so that any client shows it to its user. */
function errorResponse(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${CONNECTION_FAILURE}\0M${message}\0\0`);
  const packet = Buffer.alloc(5);
  packet.write('E');
  packet.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([packet, fields]);
}

/** Answers the requests for encryption with no, until the message that begins a session is there as a whole. */
function startupOf(client: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let seen: Buffer = Buffer.alloc(0);
    const read = (data: Buffer): void => {
      seen = Buffer.concat([seen, data]);
      while (seen.length >= 8) {
        const length = seen.readInt32BE(0);
        const code = seen.readInt32BE(4);
        if (length < 8 || length > LONGEST_STARTUP) {
          client.destroy();
          reject(new Error('not the protocol of PostgreSQL'));
          return;
        }
        if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
          client.write('N');
          seen = seen.subarray(8);
          continue;
        }
        if (seen.length < length) return;
        client.off('data', read).pause();
        resolve(seen);
        return;
      }
    };
    client
      .on('data', read)
      .once('error', reject)
      .once('close', () => reject(new Error('closed')));
  });
}

/**
 * Listens on 127.0.0.1. Neither the port nor its connections keep the process alive.
 * @throws OperatorError where the port is taken; its cause has the code EADDRINUSE
 */
export async function openGateway({ port, server, failed }: GatewayArgs): Promise<Gateway> {
  const clients = new Set<Socket>();
  const carry = async (client: Socket): Promise<void> => {
    const startup = await startupOf(client);
    let upstream: TLSSocket;
    try {
      upstream = await connectVerified(await server());
    } catch (error) {
      const message = error instanceof OperatorError ? error.toLines().join('\n') : messageOf(error);
      failed?.(message);
      client.end(errorResponse(message));
      return;
    }
    upstream.unref();
    upstream.write(startup);
    client.pipe(upstream).pipe(client);
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.resume();
  };
  const listener = createServer({ noDelay: true }, (client) => {
    clients.add(client);
    client.unref();
    client.on('error', () => client.destroy());
    client.on('close', () => clients.delete(client));
    // A client that goes away before it said what it wants is nobody's concern.
    carry(client).catch(() => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', (error) =>
      reject(
        new OperatorError(`port ${port} of this machine cannot be listened on: ${error.message}`, {
          next: 'end the program that has it, or choose another port',
          cause: error,
        }),
      ),
    );
    listener.listen(port, '127.0.0.1', resolve);
  });
  listener.unref();
  const address = listener.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close() {
      listener.close();
      for (const client of clients) client.destroy();
    },
  };
}
