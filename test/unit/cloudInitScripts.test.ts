/**
 * What the scripts of a host decide, with real disks' signatures (images of files) and stand-ins for what would change this
 * machine. Not proven here: that a host boots with them; `test/host` is for that.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeHost, HOST_32_GIB } from '../support/hostScripts';

const STEPS = 'usr/local/lib/qbench/steps';
let host: FakeHost;

beforeEach(() => {
  host = new FakeHost(HOST_32_GIB);
});
afterEach(() => host.remove());

describe('the data volume', () => {
  const SERIAL = 'nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0';
  let image: string;

  beforeEach(() => {
    image = host.file('disk.img', '');
    truncateSync(image, 16 * 1024 * 1024);
    // A file stands for the block device; its signature is read and written by the real tools.
    const step = join(host.root, STEPS, '20-volume');
    writeFileSync(step, readFileSync(step, 'utf8').replace('[[ -b $link ]]', '[[ -e $link ]]'));
    host.command('mountpoint', `test -e "${host.root}/mounted"`);
    host.command('mount', `touch "${host.root}/mounted"`);
    host.command('findmnt', `echo "${image}"`);
    for (const name of ['resize2fs', 'chattr', 'systemctl', 'udevadm', 'sleep']) host.command(name, ':');
  });

  const attach = (): void => {
    host.file('dev/disk/by-id/.keep', '');
    symlinkSync(image, join(host.root, 'dev/disk/by-id', SERIAL));
  };
  const typeOf = (): string =>
    execFileSync('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image], { encoding: 'utf8' }).trim();
  const calledTo = (name: string): string[] => host.calls().filter((call) => call.split(' ')[0] === name);

  it('gets a filesystem where it is empty, once', () => {
    attach();
    expect(host.run(`${STEPS}/20-volume`)).toMatchObject({ code: 0 });
    expect(typeOf()).toBe('ext4');
    const first = readFileSync(image);
    expect(host.read('etc/fstab')).toMatch(/^UUID=\S+ \S+\/srv\/postgresql ext4 noatime,nofail,/);
    const fstab = host.read('etc/fstab');
    host.calls();
    expect(host.run(`${STEPS}/20-volume`)).toMatchObject({ code: 0 });
    expect(readFileSync(image).equals(first)).toBe(true);
    expect(host.read('etc/fstab')).toBe(fstab);
    expect(calledTo('mount')).toEqual([]);
  });

  it('keeps what a volume of another host holds', () => {
    execFileSync('mkfs.ext4', ['-q', '-L', 'of-old', image]);
    const before = readFileSync(image);
    attach();
    expect(host.run(`${STEPS}/20-volume`)).toMatchObject({ code: 0 });
    expect(readFileSync(image).equals(before)).toBe(true);
    expect(calledTo('mount')).toHaveLength(1);
  });

  it.each([
    ['a swap area', () => execFileSync('mkswap', [image], { stdio: 'ignore' })],
    ['a partition table', () => writeFileSync(image, mbr(), { flag: 'r+' })],
  ])('is left alone where it holds %s', (_, make) => {
    make();
    const before = readFileSync(image);
    attach();
    const { code, output } = host.run(`${STEPS}/20-volume`);
    expect(code).not.toBe(0);
    expect(output).toContain('left as it is');
    expect(readFileSync(image).equals(before)).toBe(true);
    expect(calledTo('mount')).toEqual([]);
  });

  it('is waited for when it comes late', () => {
    host.file('dev/disk/by-id/.keep', '');
    host.command('udevadm', `ln -s "${image}" "${host.root}/dev/disk/by-id/${SERIAL}"`);
    expect(host.run(`${STEPS}/20-volume`)).toMatchObject({ code: 0 });
    expect(typeOf()).toBe('ext4');
  });

  it('fails with its id where it never comes', () => {
    host.file('etc/qbench/host.env', `${host.read('etc/qbench/host.env')}QB_VOLUME_WAIT_SECONDS=0\n`);
    const { code, output } = host.run(`${STEPS}/20-volume`);
    expect(code).not.toBe(0);
    expect(output).toContain('the data volume vol0123456789abcdef0 did not appear within 0 s');
  });
});

describe('the setup', () => {
  const onlyStep = (text: string): void => {
    for (const name of [
      '10-agent',
      '20-volume',
      '30-kernel',
      '40-packages',
      '50-cluster',
      '60-tls',
      '70-server',
      '80-backup',
    ]) {
      host.file(`${STEPS}/${name}`, 'exit 0\n');
    }
    host.file(`${STEPS}/40-packages`, text);
  };

  it('says in the status, on the console and in the tag which step failed and why', () => {
    host.command('aws', ':');
    onlyStep('echo trying\necho "the package source does not answer" >&2\nexit 3\n');
    expect(host.run('usr/local/sbin/qbench-setup').code).toBe(1);
    expect(host.read('var/lib/qbench/status')).toMatch(
      /^state=failed\nstep=40-packages\nreason=the package source does not answer\nat=\d{4}-\d\d-\d\dT[\d:]+Z\n$/,
    );
    expect(host.read('dev/console')).toContain('failed in 40-packages: the package source does not answer');
    expect(host.calls().filter((call) => call.startsWith('aws '))).toEqual([
      'aws ec2 create-tags --resources i-0123456789abcdef0 --tags Key=qbench:status,Value="failed in 40-packages: the package source does not answer"',
    ]);
  });

  it('tells the tag later where the first call failed, and only then', () => {
    const told = (): string[] => host.calls().filter((call) => call.startsWith('aws '));
    // The health unit does nothing else while the setup fails.
    host.command('systemctl', 'exit 3');
    host.command('aws', 'exit 1');
    onlyStep('echo "the package source does not answer" >&2\nexit 3\n');
    host.run('usr/local/sbin/qbench-setup');
    expect(host.read('dev/console')).toContain('the tag qbench:status could not be set');
    host.command('aws', ':');
    told();
    expect(host.run('usr/local/sbin/qbench-health').code).toBe(0);
    expect(told()).toHaveLength(1);
    expect(host.run('usr/local/sbin/qbench-health').code).toBe(0);
    expect(told()).toEqual([]);
  });

  it('tells all that is wrong, also where the server takes a connection and answers no query, as on a full disk', () => {
    for (const name of ['aws', 'systemctl', 'mountpoint', 'findmnt', 'resize2fs']) host.command(name, ':');
    host.command('df', 'echo "Use%"; echo " 97%"');
    host.command('runuser', 'case "$*" in *psql*) echo "FATAL:  could not write init file" >&2; exit 2 ;; esac');
    onlyStep('exit 0\n');
    expect(host.run('usr/local/sbin/qbench-health').code).toBe(1);
    expect(host.read('var/lib/qbench/status')).toMatch(
      /^state=unhealthy\nstep=\nreason=the data volume is 97 +full +the server answers no query\n/,
    );
  });

  it('goes on from there when it is run again, and ends as ready', () => {
    onlyStep('exit 1\n');
    expect(host.run('usr/local/sbin/qbench-setup').code).toBe(1);
    onlyStep('exit 0\n');
    expect(host.run('usr/local/sbin/qbench-setup').code).toBe(0);
    expect(host.read('var/lib/qbench/status')).toMatch(/^state=ready\n/);
  });

  it('keeps a hostile last line out of the status and the tag', () => {
    host.command('aws', ':');
    onlyStep(`printf '%s\\n' 'x"},{Key=admin,Value=1 $(reboot)' >&2\nexit 1\n`);
    host.run('usr/local/sbin/qbench-setup');
    expect(host.read('var/lib/qbench/status')).toContain('reason=x    Key=admin Value=1   reboot \n');
  });
});

describe('the certificate', () => {
  const certificate = (): string => join(host.root, 'etc/postgresql/tls/server.crt');
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

  beforeEach(() => {
    host.file('srv/postgresql/.keep', '');
    host.file('etc/postgresql/.keep', '');
    host.command('hostname', 'echo ip-10-64-1-10.eu-central-1.compute.internal');
    // The server does not run yet.
    host.command('runuser', 'exit 2');
    host.command('aws', ':');
    host.command('systemctl', ':');
  });

  it('is signed by an authority on the data volume and names the host, its address and the end of a tunnel', () => {
    expect(host.run(`${STEPS}/60-tls`)).toMatchObject({ code: 0 });
    const ca = join(host.root, 'srv/postgresql/tls/ca.crt');
    for (const name of [
      ['-verify_ip', '10.64.1.10'],
      ['-verify_ip', '127.0.0.1'],
      ['-verify_hostname', 'localhost'],
    ]) {
      expect(openssl('verify', '-x509_strict', '-CAfile', ca, ...name, certificate())).toContain(': OK');
    }
    expect(() => openssl('verify', '-CAfile', ca, '-verify_hostname', 'elsewhere.test', certificate())).toThrow();
    expect(host.calls().filter((call) => call.startsWith('aws '))).toEqual([
      `aws ssm put-parameter --name /qbench-postgres/prod/tls-ca --type String --overwrite --value file://${ca}`,
    ]);
  });

  it('stays while it is good, and is made anew by the same authority for a new address', () => {
    host.run(`${STEPS}/60-tls`);
    const [authority, first] = [host.read('srv/postgresql/tls/ca.crt'), host.read('etc/postgresql/tls/server.crt')];
    host.run(`${STEPS}/60-tls`);
    expect(host.read('etc/postgresql/tls/server.crt')).toBe(first);
    host.file('etc/qbench/host.env', `${host.read('etc/qbench/host.env')}QB_ADDRESS=10.64.1.99\n`);
    expect(host.run(`${STEPS}/60-tls`)).toMatchObject({ code: 0 });
    expect(host.read('srv/postgresql/tls/ca.crt')).toBe(authority);
    expect(
      openssl(
        'verify',
        '-CAfile',
        join(host.root, 'srv/postgresql/tls/ca.crt'),
        '-verify_ip',
        '10.64.1.99',
        certificate(),
      ),
    ).toContain(': OK');
  });
});

describe('the cluster', () => {
  it('is never made over files that are no cluster', () => {
    host.file('srv/postgresql/18/main/precious', 'rows');
    const { code, output } = host.run(`${STEPS}/50-cluster`);
    expect(code).not.toBe(0);
    expect(output).toContain('holds files but no cluster: left as they are');
    expect(existsSync(join(host.root, 'srv/postgresql/18/main/precious'))).toBe(true);
  });

  it('of another major version is refused', () => {
    host.file('srv/postgresql/18/main/PG_VERSION', '17\n');
    const { code, output } = host.run(`${STEPS}/50-cluster`);
    expect(code).not.toBe(0);
    expect(output).toContain('the data volume holds a cluster of PostgreSQL 17, not 18');
  });
});

/** A boot record with one Linux partition. */
function mbr(): Buffer {
  const sector = Buffer.alloc(512);
  sector.set([0x00, 0, 2, 0, 0x83, 0, 63, 0, 0x00, 0x08, 0, 0, 0x00, 0x40, 0, 0], 446);
  sector.set([0x55, 0xaa], 510);
  return sector;
}
