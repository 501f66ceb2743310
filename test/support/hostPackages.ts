/**
 * The package sources as a guest sees them: forwards to the archive that this machine uses, and can be made not to answer. It is the proxy
 * of the guest's apt too, because the guest may not know the archive by its name.
 */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { APT_OPTION, debianMirror } from './debianArchive';
import { MACHINE_ADDRESS } from './guest';
import { must } from './must';

const REDIRECTS = 5;

export class PackageForwarder {
  private answers = true;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<PackageForwarder> {
    const server = createServer();
    const forwarder = new PackageForwarder(server);
    const mirror = must(debianMirror());
    server.on('request', (asked, answer) => {
      // Asked as a proxy, it is given the whole address.
      const path = (asked.url ?? '').replace(/^http:\/\/[^/]+/, '').replace(/^.*?\/debian(?=\/)/, '');
      if (forwarder.answers) forward(`${mirror}${path}`, asked, answer, REDIRECTS);
      else asked.socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return forwarder;
  }

  /** As the guest reaches it. */
  get url(): string {
    return `${this.origin}/debian`;
  }

  /** Files of a guest whose apt is to ask here, whatever it asks for. */
  get files(): Record<string, string> {
    const lines = [
      `Acquire::http::Proxy "${this.origin}";`,
      // The archive may be served from a copy that is older than its own expiry date.
      APT_OPTION,
      // Descriptions of packages cost a minute under emulation, and nobody reads them.
      'Acquire::Languages "none";',
    ];
    return { '/etc/apt/apt.conf.d/99test': `${lines.join('\n')}\n` };
  }

  private get origin(): string {
    return `http://${MACHINE_ADDRESS}:${(this.server.address() as AddressInfo).port}`;
  }

  down(): void {
    this.answers = false;
  }

  up(): void {
    this.answers = true;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

function forward(url: string, asked: IncomingMessage, answer: ServerResponse, redirects: number): void {
  const headers = Object.fromEntries(
    ['if-modified-since', 'range', 'if-range'].flatMap((name) => {
      const value = asked.headers[name];
      return value === undefined ? [] : [[name, String(value)]];
    }),
  );
  const open = url.startsWith('https:') ? tlsRequest : request;
  const upstream = open(url, { headers }, (got) => {
    const status = got.statusCode ?? 502;
    if (status >= 300 && status < 400 && status !== 304 && got.headers.location !== undefined && redirects > 0) {
      got.resume();
      forward(new URL(got.headers.location, url).toString(), asked, answer, redirects - 1);
      return;
    }
    answer.writeHead(status, got.headers);
    got.pipe(answer);
  });
  upstream.on('error', () => answer.destroy());
  upstream.end();
}
