/** The package source as a guest sees it: forwards to the archive that this machine uses, and can be made not to answer. */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { debianMirror } from './debianRoot';

const REDIRECTS = 5;

export class PackageForwarder {
  private answers = true;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<PackageForwarder> {
    const server = createServer();
    const forwarder = new PackageForwarder(server);
    const mirror = debianMirror();
    server.on('request', (asked, answer) => {
      if (forwarder.answers)
        forward(`${mirror}${(asked.url ?? '').replace(/^\/debian/, '')}`, asked, answer, REDIRECTS);
      else asked.socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return forwarder;
  }

  url(machineAddress: string): string {
    return `http://${machineAddress}:${(this.server.address() as AddressInfo).port}/debian`;
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
