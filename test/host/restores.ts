/** Restores that bring a stack of tier ec2 itself back, on a booted host, by `qbench` through SSM as docs/runbooks/backup.md says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult } from '../../infra/ops/ports';
import { must } from '../support/must';
import type { Guest } from '../support/guest';
import { HostCli, ssmOf } from '../support/hostCli';
import type { HostStage } from '../support/hostStage';

/** What a suite has booted; undefined where no host can be booted here. */
type Booted = () => { stage: HostStage; host: Guest } | undefined;

const DATA = '/srv/postgresql/18/main';

interface Place {
  host: Guest;
  run: (...args: string[]) => Promise<CommandResult>;
  succeed: (...args: string[]) => Promise<CommandResult>;
}

/** Registers what leads `qbench` to the host. @returns how to reach both, inside of a test */
function cliOf(booted: Booted): () => Place {
  let place: Place | undefined;
  const undone: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    const found = booted();
    if (found === undefined) return;
    const ssm = await ssmOf(found.host);
    undone.push(() => ssm.stop());
    const cli = await HostCli.of(found.stage, found.host, ssm);
    place = {
      host: found.host,
      run: (...args) => cli.run(...args),
      succeed: async (...args) => {
        const result = await cli.run(...args);
        expect(result.code, `${args.join(' ')}: ${result.stdout}${result.stderr}`).toBe(0);
        return result;
      },
    };
  });
  afterAll(async () => {
    for (const undo of undone) await undo();
  });
  return () => must(place);
}

/** There must be a backup. */
export function undoneInPlace(booted: Booted): void {
  describe('a mistake', () => {
    const reached = cliOf(booted);

    it('is undone in place, once the server is stopped and somebody agreed, and the host goes on archiving', async () => {
      const { host, run, succeed } = reached();
      await host.sql('CREATE TABLE missed AS SELECT 1 AS row_number');
      const before = await host.sql(
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')",
      );
      await host.sql('SELECT pg_catalog.pg_sleep(0.1)');
      await host.sql('DROP TABLE missed');
      await succeed('check');
      const restore = ['restore', '--to', before, '--target', DATA];

      const over = await run(...restore, '--yes');
      expect(over.code).toBe(1);
      expect(over.stderr).toContain(`a server runs on "${DATA}"`);
      expect(over.stderr).toContain('stop that server first (npm run qbench -- host stop');

      expect(await run('host', 'stop')).toMatchObject({ code: 2 });
      await succeed('host', 'stop', '--yes');
      expect((await run('host', 'status')).stdout).toContain(': stopped: by qbench host stop (');
      const unasked = await run(...restore);
      expect(unasked.code).toBe(2);
      expect(unasked.stderr).toContain('holds the data of this cluster. It would be moved aside.');

      const restored = await succeed(...restore, '--yes');
      expect(restored.stdout).toContain('start:   npm run qbench -- host apply');
      await succeed('host', 'apply');
      expect(await host.sql('SELECT row_number FROM missed')).toBe('1');
      const aside = /lies in (\S+);/.exec(restored.stdout)?.[1] ?? '';
      expect(await host.must(`cat ${aside}/PG_VERSION`)).toBe('18');
      await host.must(`rm -rf ${aside}`);
      await succeed('check');
    });
  });
}

/** There must be a backup, and nothing on the volume that is wanted later. */
export function lostVolume(booted: Booted): void {
  describe('a data volume that is lost', () => {
    const reached = cliOf(booted);

    it('comes back from the repository alone, onto an empty one', async () => {
      const { host, run, succeed } = reached();
      await host.sql('CREATE TABLE outlived AS SELECT 1 AS row_number');
      await succeed('check');
      await succeed('host', 'stop', '--yes');
      await host.must(
        'device=$(findmnt -no SOURCE /srv/postgresql) && umount /srv/postgresql && wipefs --all --force --quiet "$device"',
      );
      // A new, empty cluster serves; the repository is not its own, and it leaves that alone.
      const empty = await run('host', 'apply');
      expect(empty.code).toBe(1);
      expect(empty.stderr).toContain('the setup failed in 80-backup');
      expect(empty.stderr).toContain('do not match the database');
      expect(await host.sql("SELECT pg_catalog.to_regclass('outlived') IS NULL")).toBe('t');

      await succeed('host', 'stop', '--yes');
      const restore = ['restore', '--to', 'latest', '--target', DATA];
      const unasked = await run(...restore);
      expect(unasked.code).toBe(2);
      expect(unasked.stderr).toContain('holds another cluster');
      await succeed(...restore, '--yes');
      await succeed('host', 'apply');
      expect(await host.sql('SELECT row_number FROM outlived')).toBe('1');
      await succeed('check');
      await succeed('host', 'status');
    });
  });
}
