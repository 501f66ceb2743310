/** The server of the local tier, as the tests of this tier use it. */
import { describe, expect, inject, it } from 'vitest';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { asSuperuser } from '../support/server';

const server = inject('server');

describe('the local tier server', () => {
  it('keeps data checksums and carries pgvector', async () => {
    const { rows } = await asSuperuser(server, 'postgres', (session) =>
      session.query<{ data_checksums: string; default_version: string }>(
        "SELECT current_setting('data_checksums') AS data_checksums, default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector'",
      ),
    );
    expect(rows).toEqual([{ data_checksums: 'on', default_version: '0.8.6' }]);
  });

  it('asks for a password by TCP and refuses a wrong one without repeating it', async () => {
    const address = { host: server.host, port: server.port, database: 'postgres', user: 'postgres' };
    const session = await openSession({ ...address, password: server.superuserPassword });
    await session.close();
    const attempt = openSession({ ...address, password: 'canary-wrong' });
    await expect(attempt).rejects.toThrow(
      /cannot connect to 127\.0\.0\.1:\d+\/postgres as postgres: password authentication failed/,
    );
    await expect(attempt).rejects.not.toThrow(/canary/);
  });
});
