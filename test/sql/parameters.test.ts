/** The running server beside the tables: every parameter it was given, and the catalog that names are checked against. */
import { describe, expect, inject, it } from 'vitest';
import { sqlText } from '../../infra/ops/sqlText';
import { reportParameters } from '../../infra/adapters/localServer/parameterReport';
import { catalogText, SINCE_18 } from '../../infra/postgres/catalog';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { asSuperuser } from '../support/server';
import { DEV_PLAN } from '../support/serverParameters';

const server = inject('server');

describe('the catalog of parameters', () => {
  it('is what this server answers', async () => {
    const rows = await asSuperuser(server, 'postgres', async (session) => {
      return (await session.query<Record<string, string>>(sqlText('queries/parameters-catalog'))).rows;
    });
    const live = new Map(rows.map((row) => [row['name'], Object.values(row).join('\t')]));
    const kept = new Map(
      catalogText()
        .replace(/\n$/, '')
        .split('\n')
        .slice(1)
        .map((line) => [line.split('\t')[0], line]),
    );
    // Ranges and words follow the build and the machine; names, contexts, types and units do not.
    const stable = (line: string | undefined): string | undefined => line?.split('\t').slice(0, 4).join('\t');
    expect([...live.keys()].sort()).toEqual([...kept.keys()].sort());
    for (const [name, line] of live) expect(stable(line), name).toBe(stable(kept.get(name)));
    expect([...SINCE_18].filter((name) => !live.has(name))).toEqual([]);
  });
});

describe('the dev configuration on a live server', () => {
  it('is read back whole and equal, checksums included', async () => {
    const { parameters } = postgresqlConf({ tier: 'local', plan: DEV_PLAN });
    const report = await asSuperuser(server, 'postgres', (session) => reportParameters(session, parameters));
    expect(report.map((state) => state.name)).toEqual([...Object.keys(parameters), 'data_checksums']);
    expect(report.filter((state) => state.standing !== 'equal')).toEqual([]);
    expect(report.find((state) => state.name === 'shared_buffers')).toMatchObject({
      wanted: '512MB',
      live: '512MB',
      needs: 'restart',
    });
  });

  it('refuses ALTER SYSTEM, which would win over the file unseen', async () => {
    const attempt = asSuperuser(server, 'postgres', (session) => session.query("ALTER SYSTEM SET work_mem = '1MB'"));
    await expect(attempt).rejects.toThrow(/ALTER SYSTEM is not allowed/);
  });
});
