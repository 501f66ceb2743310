/**
 * TLS before a server that was built without: what a client of a host meets, as far as encryption goes. Clear text is refused, as
 * the host's pg_hba.conf does. The authority and its certificate are made the way the host makes them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';

export interface Certificates {
  /** PEM of the authority. */
  ca: string;
  key: string;
  cert: string;
}

/** @param names subject alternative names, as openssl writes them */
export function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1'): Certificates {
  const dir = mkdtempSync(join(tmpdir(), 'qbench-tls-'));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  try {
    openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=qbench test', '-keyout', 'ca.key', '-out', 'ca.crt');
    openssl('req', '-new', ...newKey, '-subj', '/CN=host', '-keyout', 'server.key', '-out', 'server.csr');
    writeFileSync(join(dir, 'ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
    openssl(
      ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-days', '2'],
      ...['-extfile', 'ext', '-out', 'server.crt'],
    );
    const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
    return { ca: read('ca.crt'), key: read('server.key'), cert: read('server.crt') };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

export class TlsFront {
  /** Sessions that came through TLS. */
  sessions = 0;
  /** Clients that tried without. */
  refused = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  /** @param ready done before each connection to the target */
  static async start(
    target: { host: string; port: number },
    { key, cert }: Certificates,
    ready: () => Promise<void> = () => Promise.resolve(),
  ): Promise<TlsFront> {
    const server = createServer();
    const front = new TlsFront(server);
    const secureContext = createSecureContext({ key, cert });
    server.on('connection', (client) => {
      front.sockets.add(client);
      client.on('error', () => client.destroy()).on('close', () => front.sockets.delete(client));
      client.once('data', (first) => {
        if (first.length !== 8 || first.readInt32BE(4) !== 80877103) {
          front.refused++;
          client.destroy();
          return;
        }
        client.write('S');
        const secure = new TLSSocket(client, { isServer: true, secureContext });
        secure.once('secure', () => front.sessions++);
        secure.on('error', () => secure.destroy());
        void ready().then(() => {
          const inner = connect(target);
          secure.pipe(inner).pipe(secure);
          inner.on('error', () => secure.destroy()).on('close', () => secure.destroy());
          secure.on('error', () => inner.destroy()).on('close', () => inner.destroy());
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
