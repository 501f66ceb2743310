/** pg_hba.conf: who gets in, and that nothing anybody configures opens more. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostAuthentication, localAuthentication, type HostHbaInput } from '../../infra/postgres/hba';

const HOST: HostHbaInput = {
  database: 'mlb_qbench',
  networkRoles: ['qbench_owner', 'qbench_app', 'qbench_readonly', 'qbench_monitor'],
  superuser: 'postgres',
  administrator: { role: 'qbench_admin', overNetwork: false },
  cidrs: ['10.64.0.0/20', 'fd00:1234::/64'],
  operators: ['postgres'],
};

/** The rules of a file as words, without comments. */
function rulesOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.map((line) => line.split(/ {2,}/));
}

const isLoopback = (address: string | undefined): boolean => address === '127.0.0.1/32' || address === '::1/128';

describe('the files', () => {
  it.each([
    ['local', localAuthentication(['alice'])],
    ['ec2', hostAuthentication(HOST)],
  ] as const)('%s is the golden file', async (name, files) => {
    await expect(files.hba).toMatchFileSnapshot(`../golden/pg_hba-${name}.conf`);
    await expect(files.ident).toMatchFileSnapshot(`../golden/pg_ident-${name}.conf`);
  });
});

describe('whatever is configured', () => {
  const ipv4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 40 })).map(([address, bits]) => `${address}/${bits}`);
  const ipv6 = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 140 })).map(([address, bits]) => `${address}/${bits}`);
  const cidr = fc.oneof(
    ipv4,
    ipv6,
    fc.string(),
    fc.constantFrom('0.0.0.0/0', '::/0', 'all', 'samehost', '10.0.0.0 255.0.0.0'),
  );
  const role = fc.oneof(fc.constantFrom('qbench_app', 'all', 'postgres', 'trust', '+admins'), fc.string());

  it('lets in by TLS and SCRAM alone, named roles from narrow ranges, and never the superuser from a network', () => {
    let rendered = 0;
    fc.assert(
      fc.property(fc.array(cidr, { maxLength: 3 }), fc.array(role, { maxLength: 3 }), (cidrs, networkRoles) => {
        let text: string;
        try {
          text = hostAuthentication({ ...HOST, cidrs, networkRoles }).hba;
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        rendered++;
        for (const [type, database, user, address, method] of rulesOf(text)) {
          if (type === 'local') continue;
          expect([type, method]).toEqual(['hostssl', 'scram-sha-256']);
          if (isLoopback(address)) continue;
          expect(database).toBe('"mlb_qbench"');
          expect(user).toMatch(/^".+"$/);
          expect(user).not.toBe('"postgres"');
          const [ip = '', bits = ''] = address?.split('/') ?? [];
          expect(Number(bits)).toBeGreaterThanOrEqual(ip.includes(':') ? 32 : 16);
        }
        expect(text).not.toMatch(/\b(md5|ident|password|host|hostnossl)\b|\btrust\b(?!")|0\.0\.0\.0\/0|::\/0/);
      }),
      { numRuns: 500 },
    );
    expect(rendered).toBeGreaterThan(10);
  });

  it('opens the socket by peer alone, to the named operators', () => {
    for (const { hba, ident } of [localAuthentication(['root', 'nobody']), hostAuthentication(HOST)]) {
      const sockets = rulesOf(hba).filter(([type]) => type === 'local');
      expect(sockets.map((rule) => rule[rule.length - 1])).toEqual(['peer map=operators', 'peer map=operators']);
      expect(ident).not.toMatch(/^\S+\s+(all|"?\/)/m);
    }
  });

  it('lets the administrator in from a network only where the program runs there, to the two databases that it works on', () => {
    const from = (overNetwork: boolean): string[] =>
      rulesOf(hostAuthentication({ ...HOST, administrator: { role: 'qbench_admin', overNetwork } }).hba)
        .filter(([, , user, address]) => user === '"qbench_admin"' && !isLoopback(address))
        .map(([, database, , address]) => `${database} ${address}`);
    expect(from(false)).toEqual([]);
    expect(from(true)).toEqual(['postgres,"mlb_qbench" 10.64.0.0/20', 'postgres,"mlb_qbench" fd00:1234::/64']);
  });

  it('keeps the local tier to this machine', () => {
    const network = rulesOf(localAuthentication(['alice']).hba).filter(([type]) => type !== 'local');
    expect(network.every((rule) => isLoopback(rule[3]) && rule[4] === 'scram-sha-256')).toBe(true);
  });
});

describe('refusals', () => {
  it.each([
    [{ networkRoles: ['postgres'] }, /superuser "postgres" must not log in over the network/],
    [{ administrator: { role: 'postgres', overNetwork: true } }, /superuser "postgres" must not log in/],
    [{ cidrs: ['0.0.0.0/0'] }, /"0\.0\.0\.0\/0" is too wide/],
    [{ cidrs: ['::/0'] }, /too wide/],
    [{ cidrs: ['10.0.0.0/33'] }, /no range of addresses/],
    [{ cidrs: ['10.0.0.0'] }, /no range of addresses/],
    [{ cidrs: ['fe80::1%eth0/64'] }, /no range of addresses/],
    [{ networkRoles: ['a"b'] }, /cannot be named/],
    [{ operators: ['/.*'] }, /no name of a user/],
    [{ operators: ['a\nb'] }, /cannot be named/],
  ])('%j', (change, message) => {
    expect(() => hostAuthentication({ ...HOST, ...change })).toThrow(message);
  });
});
