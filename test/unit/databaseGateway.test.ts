/**
 * The way from this machine to a database elsewhere: TLS that is verified, sessions by the plugin, and what is said where
 * there is no way. The plugin and SSM are stand-ins; the server behind TLS only repeats what it is told.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SSMClient } from '@aws-sdk/client-ssm';
import { openPortForward, type PortForwardArgs } from '../../infra/adapters/aws/portForward';
import { connectVerified, openGateway } from '../../infra/adapters/databaseGateway';
import { systemClock } from '../../infra/adapters/systemClock';
import { writeSessionPlugin } from '../support/sessionPlugin';
import { localShell } from '../support/ssmExecutor';
import { SsmServer } from '../support/ssmServer';
import { makeCertificates, TlsFront } from '../support/tlsFront';

const HOST = 'i-0123456789abcdef0';
const certificates = makeCertificates('DNS:localhost,IP:127.0.0.1');
const strangers = makeCertificates();
const folder = mkdtempSync(join(tmpdir(), 'qbench-gateway-'));
const shell = localShell();
let echo: Server;
let front: TlsFront;
let ssm: SsmServer;
let client: SSMClient;
let forward: PortForwardArgs;

beforeAll(async () => {
  writeSessionPlugin(join(folder, 'bin'));
  mkdirSync(join(folder, 'empty'));
  echo = createServer((socket) => socket.pipe(socket).on('error', () => socket.destroy()));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  front = await TlsFront.start({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port }, certificates);
  const ports = { 5432: { host: '127.0.0.1', port: front.port } };
  ssm = await SsmServer.start({ executor: shell, instances: [{ id: HOST, tags: {}, ports }] });
  client = new SSMClient({
    region: 'eu-central-1',
    endpoint: ssm.url,
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
  });
  const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` };
  forward = { client, clock: systemClock, region: 'eu-central-1', instanceId: HOST, remotePort: 5432, env };
});
afterAll(async () => {
  client.destroy();
  await ssm.stop();
  await front.stop();
  echo.close();
  shell.remove();
  rmSync(folder, { recursive: true });
});

const server = (ca = certificates.ca, name = '127.0.0.1'): Parameters<typeof connectVerified>[0] => ({
  host: '127.0.0.1',
  port: front.port,
  ca,
  name,
});

/** The first message of a session, as clients send it. */
function startup(): Buffer {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(196_608, 4);
  return message;
}

/** What comes back through a port for what is sent; the connection ends with `until` bytes or by the other side. */
function exchange(port: number, send: Buffer, until: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(send));
    let seen = Buffer.alloc(0);
    socket.on('data', (data) => {
      seen = Buffer.concat([seen, data]);
      if (seen.length >= until) socket.end();
    });
    socket.on('close', () => resolve(seen)).on('error', reject);
  });
}

describe('the way out', () => {
  it('is TLS to the server that the authority vouches for', async () => {
    const socket = await connectVerified(server());
    expect(socket.authorized).toBe(true);
    socket.destroy();
  });

  it.each([
    [
      'another authority',
      (): ReturnType<typeof server> => server(strangers.ca),
      /self-signed|unable to verify|signature/i,
    ],
    ['another name', (): ReturnType<typeof server> => server(certificates.ca, '10.64.0.9'), /10\.64\.0\.9/],
    ['nobody', (): ReturnType<typeof server> => ({ ...server(), port: 1 }), /ECONNREFUSED/],
  ])('is refused with %s', async (_, to, message) => {
    await expect(connectVerified(to())).rejects.toThrow(message);
  });
});

describe('the gateway', () => {
  it('asks for the server only when somebody comes, and carries what he says', async () => {
    let asked = 0;
    const gateway = await openGateway({
      port: 0,
      server: () => {
        asked++;
        return Promise.resolve(server());
      },
    });
    expect(asked).toBe(0);
    expect(await exchange(gateway.port, startup(), 16)).toEqual(startup());
    expect(asked).toBe(1);
    gateway.close();
  });

  it('declines encryption on its own side, and goes on in clear', async () => {
    const request = Buffer.alloc(8);
    request.writeInt32BE(8, 0);
    request.writeInt32BE(80_877_103, 4);
    const gateway = await openGateway({ port: 0, server: () => Promise.resolve(server()) });
    const answer = await exchange(gateway.port, Buffer.concat([request, startup()]), 17);
    expect(answer).toEqual(Buffer.concat([Buffer.from('N'), startup()]));
    gateway.close();
  });

  it('says in the protocol why there is no way, and to whoever opened it', async () => {
    const told: string[] = [];
    const gateway = await openGateway({
      port: 0,
      server: () => Promise.reject(new Error('the host sleeps')),
      failed: (message) => void told.push(message),
    });
    const answer = await exchange(gateway.port, startup(), Infinity);
    expect(answer.toString('latin1')).toMatch(/^E.*SFATAL\0VFATAL\0C08006\0Mthe host sleeps\0\0$/s);
    expect(told).toEqual(['the host sleeps']);
    gateway.close();
  });

  it('leaves alone who does not speak the protocol', async () => {
    const gateway = await openGateway({ port: 0, server: () => Promise.reject(new Error('not asked')) });
    expect(await exchange(gateway.port, Buffer.from('GET / HTTP/1.1\r\n\r\n'), Infinity)).toHaveLength(0);
    gateway.close();
  });

  it('names a port that is taken', async () => {
    const first = await openGateway({ port: 0, server: () => Promise.resolve(server()) });
    await expect(openGateway({ port: first.port, server: () => Promise.resolve(server()) })).rejects.toThrow(
      new RegExp(`port ${first.port} of this machine`),
    );
    first.close();
  });
});

describe('a session of port forwarding', () => {
  it('leads to the port of the host, and ends when it is closed', async () => {
    const opened = await openPortForward(forward);
    const socket = await connectVerified({ ...server(), port: opened.port });
    socket.destroy();
    expect(ssm.sessions.at(-1)).toMatchObject({ target: HOST, parameters: { portNumber: ['5432'] } });
    opened.close();
    await expect.poll(() => opened.open).toBe(false);
  });

  it('says how to install the plugin where it is missing or too old', async () => {
    const env = { PATH: join(folder, 'empty') };
    await expect(openPortForward({ ...forward, env })).rejects.toMatchObject({
      message: expect.stringContaining('session-manager-plugin is not on PATH') as string,
      next: expect.stringContaining('install-plugin.html') as string,
    });
    const old = { ...forward.env, TEST_PLUGIN_VERSION: '1.2.339.0' };
    await expect(openPortForward({ ...forward, env: old })).rejects.toThrow(
      'session-manager-plugin 1.2.339.0 is too old',
    );
  });

  it('names a host that is not online', async () => {
    const elsewhere = { ...forward, instanceId: 'i-0cccccccccccccccc' };
    await expect(openPortForward(elsewhere)).rejects.toThrow('host i-0cccccccccccccccc is not known to SSM');
  });
});
