/** Bytes for a backup to carry, of a kind that no compression makes smaller. */
import type { Session } from '../../infra/ops/ports';

/** Distance after which bytes come again: farther than zstd and gzip look back. */
const UNIQUE_MIB = 16;

/** Adds a table of about so many MiB, and writes it to the disk. @param mib a multiple of 16 */
export async function fillBytes(session: Session, mib: number): Promise<void> {
  await session.query('CREATE TABLE filler (row_number int, bytes bytea)');
  await session.query('ALTER TABLE filler ALTER COLUMN bytes SET STORAGE EXTERNAL');
  await session.query(`
    CREATE TEMP TABLE unique_mib AS
      SELECT mib AS row_number, pg_catalog.decode(pg_catalog.string_agg(pg_catalog.md5(mib * 65536 + part || ''), ''), 'hex') AS bytes
        FROM pg_catalog.generate_series(1, ${UNIQUE_MIB}) AS mib, pg_catalog.generate_series(1, 65536) AS part
       GROUP BY mib`);
  await session.query(`
    INSERT INTO filler SELECT u.row_number, u.bytes
      FROM pg_catalog.generate_series(1, ${mib / UNIQUE_MIB}) AS again, unique_mib AS u ORDER BY again, u.row_number`);
  await session.query('CHECKPOINT');
}
