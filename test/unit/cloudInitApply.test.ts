/**
 * How a changed configuration reaches a living host, by the scripts themselves with stand-ins for the server and systemd. Not
 * proven: that a real server takes the files; test/sql does that for their text, and `test/host` for a host.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quarters } from '../../infra/components/subnetRanges';
import { configurationScript } from '../../infra/postgres/configurationScript';
import { hostFiles } from '../../infra/postgres/hostFiles';
import { FakeHost, HOST_32_GIB } from '../support/hostScripts';

const APPLY = 'usr/local/sbin/qbench-apply-configuration';
const LIVE = 'etc/postgresql/18/main';
const WANTED = 'etc/qbench/postgresql';
let host: FakeHost;

/** What the stand-in of the server answers. */
interface Server {
  running: boolean;
  /** Words of `postgres -C` against the parameters; empty where it takes them. */
  parameters?: string;
  /** A line of pg_hba_file_rules with an error. */
  rules?: string;
  /** Parameters that wait for a restart. */
  pending?: number;
  /** It does not come up by this start. */
  refusesToStart?: 'once' | 'always';
}

function serve({ running, parameters = '', rules = '', pending = 0, refusesToStart }: Server): void {
  const up = join(host.root, 'up');
  if (running) host.file('up', '');
  host.command(
    'runuser',
    [
      'shift 3',
      'case "$*" in',
      `  *bin/postgres*) printf '%s' '${parameters}' >&2; [ -z '${parameters}' ] ;;`,
      `  pg_isready*) [ -e "${up}" ] ;;`,
      `  *pending_restart*) echo ${pending} ;;`,
      // Only the new file is wrong: the last good one is taken again.
      `  psql*) printf '%s' '${rules}' ;;`,
      'esac',
    ].join('\n'),
  );
  const start =
    refusesToStart === undefined
      ? `touch "${up}"`
      : `rm -f "${up}"; ${refusesToStart === 'once' ? `[ -e "${host.root}/tried" ] && touch "${up}"; touch "${host.root}/tried"` : ':'}`;
  host.command('systemctl', `case "$1" in restart) ${start}; [ -e "${up}" ] ;; esac`);
  host.command('journalctl', 'echo "could not map anonymous shared memory"');
  host.command('sleep', ':');
}

const did = (): string[] => host.calls().filter((call) => /^systemctl (restart|reload)/.test(call));
const live = (): string => host.read(`${LIVE}/postgresql.conf`);

beforeEach(() => {
  host = new FakeHost(HOST_32_GIB);
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) host.file(`${LIVE}/${name}`, 'old\n');
});
afterEach(() => host.remove());

describe('a changed configuration', () => {
  it('is in force after a reload where that is enough', () => {
    serve({ running: true });
    expect(host.run(APPLY)).toMatchObject({ code: 0 });
    expect(live()).toBe(host.read(`${WANTED}/postgresql.conf`));
    expect(did()).toEqual(['systemctl reload postgresql@18-main.service']);
    expect(host.run(APPLY)).toMatchObject({ code: 0 });
    expect(did()).toEqual([]);
  });

  it('restarts the server where it must', () => {
    serve({ running: true, pending: 1 });
    expect(host.run(APPLY)).toMatchObject({ code: 0 });
    expect(did()).toEqual([
      'systemctl reload postgresql@18-main.service',
      'systemctl restart postgresql@18-main.service',
    ]);
  });

  it('starts a server that is down', () => {
    serve({ running: false });
    expect(host.run(APPLY)).toMatchObject({ code: 0 });
    expect(did()).toEqual(['systemctl restart postgresql@18-main.service']);
  });

  it('with a wrong parameter changes nothing, and says which', () => {
    serve({ running: true, parameters: 'FATAL: 10 PB is outside the valid range for shared_buffers' });
    const { code, output } = host.run(APPLY);
    expect(code).toBe(1);
    expect(output).toContain('nothing was changed: FATAL: 10 PB is outside the valid range for shared_buffers');
    expect(live()).toBe('old\n');
    expect(did()).toEqual([]);
  });

  it('that the server refuses gives way to the last good one', () => {
    serve({ running: true });
    host.run(APPLY);
    const good = live();
    host.calls();
    host.file(`${WANTED}/postgresql.conf`, `${good}work_mem = '1MB'\n`);
    serve({ running: true, rules: 'pg_hba.conf: 3: authentication method "trusty" is unknown' });
    const { code, output } = host.run(APPLY);
    expect(code).toBe(1);
    expect(output).toContain('the last good one is in force again');
    expect(output).toContain('authentication method "trusty" is unknown');
    expect(live()).toBe(good);
    expect(did()).toEqual(['systemctl reload postgresql@18-main.service']);
  });

  it('with which the server does not start gives way too, and the server runs again', () => {
    serve({ running: true });
    host.run(APPLY);
    const good = live();
    host.calls();
    host.file(`${WANTED}/postgresql.conf`, `${good}max_connections = '90'\n`);
    serve({ running: true, pending: 1, refusesToStart: 'once' });
    const { code, output } = host.run(APPLY);
    expect(code).toBe(1);
    expect(output).toContain('the last good one is in force again: the server did not start with it');
    expect(live()).toBe(good);
    expect(did().at(-1)).toBe('systemctl restart postgresql@18-main.service');
    expect(host.read('up')).toBe('');
  });

  it('with which the server did not start is not tried again, until it is another one', () => {
    serve({ running: true });
    host.run(APPLY);
    const good = live();
    host.file(`${WANTED}/postgresql.conf`, `${good}max_connections = '90'\n`);
    serve({ running: true, pending: 1, refusesToStart: 'once' });
    host.run(APPLY);
    host.calls();
    serve({ running: true, pending: 1 });
    const { code, output } = host.run(APPLY);
    expect(code).toBe(1);
    expect(output).toContain('the last good one is in force again: the server did not start with it');
    expect(did()).toEqual([]);
    expect(live()).toBe(good);
    host.file(`${WANTED}/postgresql.conf`, `${good}max_connections = '80'\n`);
    expect(host.run(APPLY)).toMatchObject({ code: 0 });
    expect(live()).toContain("max_connections = '80'");
  });
});

describe('the commands of SSM', () => {
  const run = (files: { path: string; content: string }[]): { code: number; output: string } => {
    const below = files.map(({ path, content }) => ({ path: join(host.root, path), content }));
    const text = configurationScript(below)
      .join('\n')
      .replaceAll('/var/lib/qbench', join(host.root, '/var/lib/qbench'));
    writeFileSync(join(host.root, 'command'), text);
    return host.run('command');
  };

  beforeEach(() => {
    host.command('systemctl', ':');
    host.command('cloud-init', ':');
  });

  it('let the setup go on where nothing differs', () => {
    const files = hostFiles(HOST_32_GIB).map(({ path }) => ({ path, content: host.read(path) }));
    expect(run(files)).toMatchObject({ code: 0 });
    expect(host.calls().filter((call) => call.startsWith('systemctl'))).toEqual([
      'systemctl start qbench-setup.service',
    ]);
  });

  it('write what differs and run the setup anew', () => {
    const content = `shared_buffers = '1GB' # $HOME \`id\` \\ 'quoted'\n\nport = '5432'\n`;
    expect(run([{ path: '/etc/qbench/postgresql/postgresql.conf', content }])).toMatchObject({ code: 0 });
    expect(readFileSync(join(host.root, 'etc/qbench/postgresql/postgresql.conf'), 'utf8')).toBe(content);
    expect(host.calls().filter((call) => call.startsWith('systemctl'))).toEqual([
      'systemctl restart qbench-setup.service',
    ]);
  });

  it('fail with the status of the host where its setup fails', () => {
    host.file('var/lib/qbench/status', 'state=failed\nstep=70-server\nreason=refused\n');
    host.command('systemctl', 'exit 1');
    const { code, output } = run([{ path: '/etc/new/file.conf', content: 'x\n' }]);
    expect(code).toBe(1);
    expect(output).toContain('reason=refused');
  });

  it('refuse a file that could end itself', () => {
    expect(() => configurationScript([{ path: '/etc/x', content: 'a\nQBENCH_END_OF_FILE\nrm -rf /\n' }])).toThrow(
      /ends a file/,
    );
  });
});

describe('the ranges of subnets', () => {
  it('are the quarters of the VPC', () => {
    expect(quarters('10.64.0.0/20')).toEqual(['10.64.0.0/22', '10.64.4.0/22', '10.64.8.0/22', '10.64.12.0/22']);
  });

  it('cover it without overlap, whichever range it is', () => {
    const range = fc
      .integer({ min: 16, max: 24 })
      .chain((prefix) =>
        fc.integer({ min: 0, max: 2 ** prefix - 1 }).map((index) => ({ prefix, base: index * 2 ** (32 - prefix) })),
      );
    const dotted = (address: number): string =>
      [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
    fc.assert(
      fc.property(range, ({ prefix, base }) => {
        const quarter = 2 ** (32 - prefix) / 4;
        const expected = [0, 1, 2, 3].map((index) => `${dotted(base + index * quarter)}/${prefix + 2}`);
        expect(quarters(`${dotted(base)}/${prefix}`)).toEqual(expected);
      }),
    );
  });

  it.each(['10.0.0.1/20', '10.0.0.0/29', '10.0.0.256/20', 'fd00::/64', ''])('are not made of "%s"', (cidr) => {
    expect(() => quarters(cidr)).toThrow(RangeError);
  });
});
