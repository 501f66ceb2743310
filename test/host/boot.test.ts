/**
 * A host booted from the user data of tier ec2, judged from outside: what it serves, what it keeps through a power cut, and what a second
 * host makes of its volume and its backups. docs/host-tests.md says what this does not prove about EC2.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reportParameters } from '../../infra/adapters/localServer/parameterReport';
import { PGVECTOR_MINIMUM } from '../../infra/naming';
import { hostFiles } from '../../infra/postgres/hostFiles';
import { parsePostgresqlConf } from '../../infra/postgres/render';
import { addressOf, asSuperuser, documentLines, inSession, prepareDatabase, urlOf } from '../support/bootedHost';
import { emptyDisk, GUEST_ADDRESS, until, type Disk, type Guest } from '../support/guest';
import { backups, HostStage, noHostsBecause, pgbackrest } from '../support/hostStage';
import { runQbench } from '../support/qbenchCli';
import { operations } from './operations';
import { undoneInPlace } from './restores';

const ROWS = 200;
/** How a zstd frame begins (RFC 8878). */
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

let reason: string | undefined;
let stage: HostStage;
let volume: Disk;
let host: Guest;
/** Takes the volume over. */
let second: Guest;
let authority: string;
const undone: (() => Promise<void>)[] = [];

beforeAll(async () => {
  reason = await noHostsBecause();
  if (reason !== undefined) return;
  stage = await HostStage.open();
  undone.push(() => stage.close());
  volume = stage.volume('data');
  host = await stage.boot({ disks: [volume] });
  await host.reaches('ready');
  authority = stage.authority;
});
afterAll(async () => {
  // Also where the beginning failed half-way.
  for (const undo of undone.reverse()) await undo();
});
beforeEach(({ skip }) => {
  if (reason !== undefined) skip(reason);
});

/** What openssl, which shares no code with the driver, says of the server's certificate. */
function judge(...options: string[]): { code: number | null; output: string } {
  writeFileSync(join(stage.dir, 'ca.crt'), authority);
  const result = spawnSync(
    'openssl',
    [
      ...['s_client', '-connect', `127.0.0.1:${host.port}`, '-starttls', 'postgres', '-verify_return_error'],
      ...['-CAfile', join(stage.dir, 'ca.crt'), ...options],
    ],
    { input: '', encoding: 'utf8' },
  );
  return { code: result.status, output: result.stdout + result.stderr };
}

describe('the first boot', () => {
  it('says that it is ready, in the status, on the console and in the tag', async () => {
    expect(await host.status()).toMatchObject({ state: 'ready', step: '', reason: '' });
    expect(host.console()).toContain('qbench: ready');
    expect(host.console()).toMatch(/qbench: making a filesystem|is empty: making a filesystem/);
    expect(await stage.tagged(/^ready$/)).toMatchObject({ resource: 'i-0123456789abcdef0', key: 'qbench:status' });
  });

  it('serves TLS that proves who answers, and nothing in clear', async () => {
    expect(judge('-verify_ip', '127.0.0.1').output).toContain('Verify return code: 0 (ok)');
    expect(judge('-verify_ip', GUEST_ADDRESS)).toMatchObject({ code: 0 });
    expect(judge('-verify_hostname', 'elsewhere.test').code).not.toBe(0);
    await prepareDatabase(host);
    const address = addressOf(host, authority);
    const used = await inSession(address, (session) =>
      session.query('SELECT version FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()'),
    );
    expect(used.rows).toEqual([{ version: 'TLSv1.3' }]);
    const { ssl: _, ...clear } = address;
    await expect(inSession(clear, (session) => session.query('SELECT 1'))).rejects.toThrow(/no encryption/);
    await expect(inSession({ ...address, password: 'wrong' }, (session) => session.query('SELECT 1'))).rejects.toThrow(
      /password authentication failed/,
    );
    // The superuser comes from the host itself alone.
    await expect(
      inSession({ ...address, user: 'postgres', database: 'postgres' }, (session) => session.query('SELECT 1')),
    ).rejects.toThrow(/no pg_hba.conf entry/);
  });

  it('runs with every parameter of its file', async () => {
    const file = hostFiles(stage.input).find(({ path }) => path.endsWith('/postgresql.conf'));
    const wanted = parsePostgresqlConf(file?.content ?? '');
    expect(Object.keys(wanted).length).toBeGreaterThan(40);
    const report = await reportParameters(asSuperuser(host), wanted);
    expect(report.filter(({ standing }) => standing !== 'equal')).toEqual([]);
    // The one that differs by role: errors of clients, which may quote what they sent, go to the client alone.
    const ofClients = await inSession(addressOf(host, authority), (session) => session.query('SHOW log_min_messages'));
    expect(ofClients.rows).toEqual([{ log_min_messages: 'log' }]);
  });

  it('gives the server its huge pages, its shared memory, and a postmaster that outlives its backends', async () => {
    expect(await host.sql('SHOW huge_pages_status')).toBe('on');
    expect(await host.must('findmnt -bno SIZE /dev/shm')).toBe(String(stage.input.host.devShmMiB * 1024 * 1024));
    const postmaster = await host.must('head -n 1 /srv/postgresql/18/main/postmaster.pid');
    expect(await host.must(`cat /proc/${postmaster}/oom_score_adj`)).toBe('-900');
    expect(await host.sql("SELECT pg_catalog.btrim(pg_catalog.pg_read_file('/proc/self/oom_score_adj'), E'\\n')")).toBe(
      '0',
    );
  });

  it('keeps what clients send out of the log', async () => {
    const marker = 'a-value-that-nobody-may-read';
    const attempt = inSession(addressOf(host, authority), (session) =>
      session.query('SELECT $1::vector', [`[${marker}]`]),
    );
    await expect(attempt).rejects.toThrow(/invalid input syntax/);
    expect((await host.run(`grep -rl ${marker} /var/log/postgresql /var/log/journal /run/log/journal`)).stdout).toBe(
      '',
    );
  });

  it('refuses a pgvector that damages indexes', async () => {
    expect(
      await host.sql("SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector'"),
    ).toMatch(/^0\.\d+\.\d+$/);
    const gate =
      'sed -i "s/^QB_PGVECTOR_MINIMUM=.*/QB_PGVECTOR_MINIMUM=\'$minimum\'/" /etc/qbench/host.env; bash /usr/local/lib/qbench/steps/40-packages';
    const { code, stderr } = await host.run(`minimum=99.0; ${gate}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/pgvector 0\.\S+ is older than 99\.0/);
    await host.must(`minimum=${PGVECTOR_MINIMUM}; ${gate}`);
  });

  it('takes schema, documents and HNSW indexes from qbench', async () => {
    const url = urlOf(host, authority, join(stage.dir, 'url.crt'));
    const qbench = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runQbench(url, args);
      expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
      return stdout;
    };
    await qbench('migrate');
    const documents = join(stage.dir, 'documents.jsonl');
    writeFileSync(documents, documentLines(ROWS));
    await qbench('load', documents);
    await qbench('index', 'apply', '--profile', 'speed');
    expect(await host.sql('SELECT pg_catalog.count(*) FROM test_documents', 'mlb_qbench')).toBe(String(ROWS));
    expect(
      await host.sql(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am a ON a.oid = c.relam WHERE a.amname = 'hnsw' AND i.indisvalid",
        'mlb_qbench',
      ),
    ).toBe('2');
  });

  it('archives WAL and takes full, differential and incremental backups, encrypted', async () => {
    await pgbackrest(host, '--type=full', 'backup');
    await host.sql('CREATE TABLE moment (what text PRIMARY KEY); ALTER TABLE moment OWNER TO qbench_app', 'mlb_qbench');
    await pgbackrest(host, '--type=diff', 'backup');
    await pgbackrest(host, '--type=incr', 'backup');
    expect((await backups(host)).map(({ type }) => type)).toEqual(['full', 'diff', 'incr']);
    expect(await host.sql('SELECT failed_count FROM pg_catalog.pg_stat_archiver')).toBe('0');
    const stored = execFileSync('find', [stage.s3.folder, '-type', 'f', '-size', '+0'], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(stored.filter((file) => /\/archive\/.*\.zst$/.test(file)).length).toBeGreaterThan(0);
    const starts = stored.map((file) => ({ file, start: readFileSync(file).subarray(0, 8) }));
    // Nothing is in clear: neither what is compressed nor what says what there is.
    expect(starts.filter(({ start }) => start.subarray(0, 4).equals(ZSTD)).map(({ file }) => file)).toEqual([]);
    for (const { file, start } of starts.filter(({ file }) => /\.(info|manifest)$/.test(file))) {
      expect(start.toString('latin1'), file).toBe('Salted__');
    }
  });
});

describe('through SSM,', () => {
  operations(() => (reason === undefined ? { stage, host } : undefined), ROWS);
});

describe('a power cut under load', () => {
  it('loses no acknowledged row, and the second boot changes nothing that was right', async () => {
    await host.sql(`INSERT INTO moment VALUES ('before')`, 'mlb_qbench');
    const before = await signature(host);
    const acknowledged: string[] = [];
    const writer = inSession(addressOf(host, authority, 'app'), async (session) => {
      for (let i = 0; ; i++) {
        await session.query('INSERT INTO moment VALUES ($1)', [`row ${i}`]);
        acknowledged.push(`row ${i}`);
      }
    }).catch(() => 'cut');
    await until('rows are acknowledged', 120_000, () => Promise.resolve(acknowledged.length >= 300));
    await host.powerCut();
    expect(await writer).toBe('cut');
    const cut = new Date().toISOString().slice(0, 19);
    await host.powerOn();
    await host.reaches('ready', { since: cut });
    const kept = new Set((await host.sql('SELECT what FROM moment', 'mlb_qbench')).split('\n'));
    expect(acknowledged.filter((row) => !kept.has(row))).toEqual([]);
    expect(await signature(host)).toEqual(before);
    expect(
      await host.must(
        `cd / && runuser -u postgres -- /usr/lib/postgresql/18/bin/pg_amcheck --database mlb_qbench --install-missing=public 2>&1; true`,
      ),
    ).toBe('');
    expect(await host.sql('SELECT pg_catalog.sum(checksum_failures) FROM pg_catalog.pg_stat_database')).toMatch(/^0?$/);
  });
});

describe('a second host', () => {
  let between: string;

  beforeAll(async () => {
    if (reason !== undefined) return;
    await host.sql(`INSERT INTO moment VALUES ('wanted')`, 'mlb_qbench');
    between = await host.sql('SELECT pg_catalog.clock_timestamp()');
    await host.sql(`SELECT pg_catalog.pg_sleep(0.1)`);
    await host.sql(`INSERT INTO moment VALUES ('unwanted')`, 'mlb_qbench');
    const segment = await host.sql('SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal())');
    await until(
      `${segment} is archived`,
      120_000,
      async () => (await host.sql('SELECT last_archived_wal FROM pg_catalog.pg_stat_archiver')) >= segment,
    );
  });

  it('takes the volume over, though it comes late and under another device name, and does not format it', async () => {
    const before = await signature(host);
    await host.shutdown();
    const decoy = { file: emptyDisk(join(stage.dir, 'decoy.img'), 64), serial: 'vol0aaaaaaaaaaaaaaaa' };
    second = await stage.boot({ instanceId: 'i-0fedcba9876543210', disks: [decoy] });
    await until('the host waits for its volume', 300_000, () =>
      Promise.resolve(second.console().includes(`qbench: waiting for the data volume ${volume.serial}`)),
    );
    await second.attach(volume);
    await second.reaches('ready');
    expect(await signature(second)).toEqual({ ...before, fstab: await second.must('cat /etc/fstab') });
    expect(
      await second.sql(
        "SELECT pg_catalog.count(*) FROM moment WHERE what IN ('before', 'wanted', 'unwanted')",
        'mlb_qbench',
      ),
    ).toBe('3');
    expect(await inSession(addressOf(second, authority), (session) => session.query('SELECT 1 AS one'))).toMatchObject({
      rows: [{ one: 1 }],
    });
    expect(statSync(decoy.file).blocks).toBe(0);
  });

  it('restores the backups to a time between two rows', async () => {
    const data = '/srv/postgresql/18/restored';
    await pgbackrest(
      second,
      `--pg1-path=${data} --type=time --target='${between}' --target-action=promote --archive-mode=off`,
      'restore',
    );
    const options = `-c config_file=/etc/postgresql/18/main/postgresql.conf -c data_directory=${data} -c port=5499 -c listen_addresses= -c huge_pages=off -c archive_mode=off -c external_pid_file=/run/postgresql/restored.pid`;
    const asPostgres = (command: string): Promise<string> => second.must(`cd / && runuser -u postgres -- ${command}`);
    await asPostgres(
      `/usr/lib/postgresql/18/bin/pg_ctl -D ${data} -o '${options}' -l /var/log/postgresql/restored.log -w -t 300 start`,
    );
    const query = (statement: string): Promise<string> =>
      asPostgres(`psql -XqAt -p 5499 -d mlb_qbench -c "${statement}"`);
    await until('the recovery ends', 120_000, async () => (await query('SELECT pg_is_in_recovery()')) === 'f');
    expect(await query("SELECT what FROM moment WHERE what IN ('wanted', 'unwanted')")).toBe('wanted');
    expect(await query('SELECT count(*) FROM test_documents')).toBe(String(ROWS));
    await asPostgres(`/usr/lib/postgresql/18/bin/pg_ctl -D ${data} -m immediate stop`);
  });
});

describe('on the second host,', () => {
  undoneInPlace(() => (reason === undefined ? { stage, host: second } : undefined));
});

/** What must not change by booting again. */
async function signature(guest: Guest): Promise<Record<string, string>> {
  const lines = await guest.must(
    [
      'blkid -p -s UUID -o value "$(findmnt -no SOURCE /srv/postgresql)"',
      'sha256sum </srv/postgresql/tls/ca.crt',
      "runuser -u postgres -- psql -XqAtc 'SELECT system_identifier FROM pg_control_system()' postgres",
    ].join(' && cd / && '),
  );
  return { lines, fstab: await guest.must('cat /etc/fstab') };
}
