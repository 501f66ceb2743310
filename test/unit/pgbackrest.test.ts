/** pgbackrest.conf: the whole file for both kinds of repository, and what it must never say. */
import { describe, expect, it } from 'vitest';
import { pgbackrestConf, type PgbackrestInput } from '../../infra/postgres/pgbackrest';

const S3: PgbackrestInput = {
  repository: { kind: 's3', bucket: 'backups', region: 'eu-central-1', path: '/prod' },
  retentionDays: 7,
  dataDirectory: '/srv/postgresql/18/main',
  socketDirectory: '/run/postgresql',
  port: 5432,
  spoolDirectory: '/srv/postgresql/spool',
  cores: 4,
};

const OWN_SERVER: PgbackrestInput = {
  ...S3,
  repository: {
    kind: 's3',
    bucket: 'backups',
    region: 'eu-central-1',
    path: '/prod',
    server: { host: 's3.test', port: 7070, caFile: '/etc/ca.crt' },
  },
};
const FOLDER: PgbackrestInput = { ...S3, repository: { kind: 'folder', path: '/backup' }, cores: 1 };

describe('pgbackrest.conf', () => {
  it.each([
    ['s3', S3],
    ['s3-own-server', OWN_SERVER],
    ['folder', FOLDER],
  ])('%s is the golden file', async (name, input) => {
    await expect(pgbackrestConf(input)).toMatchFileSnapshot(`../golden/pgbackrest-${name}.conf`);
  });

  it('never drops WAL to save the disk, and never turns off the verification of TLS', () => {
    expect(pgbackrestConf(S3)).not.toMatch(/^archive-push-queue-max|storage-verify-tls|cipher-pass|s3-key(-secret)?=/m);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses %s days of retention', (retentionDays) => {
    expect(() => pgbackrestConf({ ...S3, retentionDays })).toThrow(/at least 1/);
  });

  it('refuses a value that would begin another option', () => {
    expect(() =>
      pgbackrestConf({ ...S3, repository: { kind: 'folder', path: '/backup\nrepo1-cipher-type=none' } }),
    ).toThrow(RangeError);
  });
});
