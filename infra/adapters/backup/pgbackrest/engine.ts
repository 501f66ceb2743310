/** The `pgbackrest` engine: every verb is pgBackRest's own, run where the cluster is. */
import { join } from 'node:path';
import {
  DamagedBackup,
  type ArchiverState,
  type BackupEngine,
  type BackupRequest,
  type BackupSet,
  type ExpireReport,
  type RepositoryState,
  type RestoredCluster,
  type RestoreRequest,
  type RunningBackup,
  type TargetFolder,
  type VerifyReport,
} from '../../../ops/backup/engine';
import { goodBackups } from '../../../ops/backup/window';
import { OperatorError } from '../../../ops/errors';
import type { Clock, CommandRunner, ProgressSink } from '../../../ops/ports';
import { inspectTarget, setTargetAside } from '../place';
import { stopCluster } from '../recovery';
import { readArchive } from './archive';
import { readInfo, type StanzaInfo } from './infoJson';
import { asServerUser, assertDone, LOCK_ACQUIRE_ERROR, pgbackrest, type PgbackrestProgram } from './program';
import { restorePgbackrest } from './restore';
import { readVerify } from './verify';

export interface PgbackrestEngineParts extends PgbackrestProgram {
  /** As a person would name it: "s3://bucket/path", or a folder. */
  repository: string;
  retentionDays: number;
  binDir: string;
  /** Data folder of the cluster that is backed up, and where its configuration lies if not in it. */
  dataDir: string;
  serverConfigFile?: string | undefined;
  /** Users of the machine that may be any role on a restored copy's socket. */
  operators: readonly string[];
  /** Port that a restored copy gets. */
  copyPort(): Promise<number>;
  tmp: string;
  /** Folder of the machine for the records of drills. */
  evidenceDir: string;
  clock: Clock;
  /** What the server says of its archiving; undefined where it is down. */
  archiver(): Promise<ArchiverState | undefined>;
}

export class PgbackrestEngine implements BackupEngine {
  constructor(readonly parts: PgbackrestEngineParts) {}

  async state(): Promise<RepositoryState> {
    const { parts } = this;
    const info = await this.info();
    return {
      engine: 'pgbackrest',
      repository: parts.repository,
      systemIdentifier: info.systemIdentifier,
      postgresVersion: info.postgresVersion,
      backups: info.backups,
      archive: await readArchive(parts, info.archiveId),
      archiver: await parts.archiver(),
      running: info.running,
      retentionDays: parts.retentionDays,
    };
  }

  async running(): Promise<RunningBackup | undefined> {
    return (await this.info()).running;
  }

  async backup(request: BackupRequest, progress: ProgressSink): Promise<BackupSet> {
    const before = new Set((await this.info()).backups.map(({ name }) => name));
    progress.update({ phase: `${request.type} backup` });
    const options = [`--type=${request.type}`, '--no-expire-auto'];
    const result = await pgbackrest(
      this.parts,
      'backup',
      options,
      request.signal === undefined ? {} : { signal: request.signal },
    );
    await this.refuseBusy(result.code, 'backup');
    assertDone(result, 'the backup');
    for (const line of result.stdout.split('\n').concat(result.stderr.split('\n'))) {
      const warning = /WARN: (.*)/.exec(line)?.[1];
      if (warning !== undefined) progress.note(warning);
    }
    const made = (await this.info()).backups.find(({ name }) => !before.has(name));
    if (made === undefined) throw new OperatorError('pgBackRest ended well, and its list has no new backup');
    if (made.damage !== undefined) {
      throw new OperatorError(`backup ${made.name} holds damaged pages, as the server does`, {
        next: 'the backups before it are kept; the log of pgBackRest names the pages. Restore one elsewhere and compare: qbench restore --to TIME --target NEW',
      });
    }
    return made;
  }

  /** By the retention in pgbackrest.conf, which is by time and keeps the last full backup with its WAL. */
  async expire(): Promise<ExpireReport> {
    const before = await this.state();
    // pgBackRest does not know which of its full backups are damaged; the last good one must not go for one that is not.
    const full = before.backups.filter(({ type }) => type === 'full');
    const good = new Set(goodBackups(before).map(({ name }) => name));
    if (full.length > 0 && !full.slice(-1).every(({ name }) => good.has(name))) return { backups: [], segments: 0 };
    const result = await pgbackrest(this.parts, 'expire');
    await this.refuseBusy(result.code, 'expire');
    assertDone(result, 'expire');
    const after = await this.state();
    const kept = new Set(after.backups.map(({ name }) => name));
    return {
      backups: before.backups.map(({ name }) => name).filter((name) => !kept.has(name)),
      segments: Math.max(0, before.archive.segments - after.archive.segments),
    };
  }

  async verify(progress: ProgressSink, only?: string): Promise<VerifyReport> {
    const info = await this.info();
    if (only !== undefined && !info.backups.some(({ name }) => name === only)) {
      throw new OperatorError(`there is no backup "${only}"`, { next: 'qbench info lists them', exitCode: 2 });
    }
    progress.update({ phase: 'verifying the repository' });
    const options = [
      '--output=text',
      '--verbose',
      '--log-level-console=info',
      ...(only === undefined ? [] : [`--set=${only}`]),
    ];
    const bytes = info.backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    return readVerify(await pgbackrest(this.parts, 'verify', options), bytes);
  }

  async check(): Promise<{ segment: string; seconds: number }> {
    const { clock } = this.parts;
    const begun = clock.monotonicMs();
    const result = await pgbackrest(this.parts, 'check', ['--log-level-console=info']);
    assertDone(result, 'check');
    const segment = /WAL segment ([0-9A-F]{24})/.exec(`${result.stdout}\n${result.stderr}`)?.[1] ?? '';
    return { segment, seconds: (clock.monotonicMs() - begun) / 1000 };
  }

  inspect(target: string): Promise<TargetFolder> {
    return inspectTarget(this.runner, this.parts.binDir, target);
  }

  setAside(target: string): Promise<string> {
    return setTargetAside(this.parts.runner, target, this.parts.clock.now());
  }

  async restore(request: RestoreRequest, progress: ProgressSink): Promise<RestoredCluster> {
    return restorePgbackrest(this.parts, request, progress, (words) => {
      return new DamagedBackup(request.backup, [
        { where: request.backup, file: /'([^']+)'/.exec(words)?.[1] ?? '', problem: words },
      ]);
    });
  }

  async discard({ dataDir, socketDir }: RestoredCluster): Promise<void> {
    await stopCluster(this.runner, this.parts.binDir, dataDir, 'immediate');
    const folders = [dataDir, ...(socketDir === dataDir ? [] : [socketDir])];
    const result = await this.parts.runner.run('rm', ['-rf', '--', ...folders], { cwd: '/' });
    if (result.code !== 0)
      throw new OperatorError(`the restored copy in "${dataDir}" cannot be removed: ${result.stderr.trim()}`);
  }

  async keepEvidence(name: string, text: string): Promise<void> {
    const { runner, evidenceDir } = this.parts;
    const script =
      'mkdir -p "$1" && cat > "$1/$2.json.new" && sync "$1/$2.json.new" && mv "$1/$2.json.new" "$1/$2.json"';
    const result = await runner.run('sh', ['-c', script, 'sh', evidenceDir, name], { stdin: text, cwd: '/' });
    if (result.code !== 0)
      throw new OperatorError(
        `the record of the drill cannot be kept in ${join(evidenceDir, name)}: ${result.stderr.trim()}`,
      );
  }

  async evidence(): Promise<string[]> {
    const { runner, evidenceDir } = this.parts;
    // Records are JSON without NUL; newest ones last.
    const script = `for file in "$1"/*.json; do [ -e "$file" ] && cat "$file" && printf '\\036'; done; :`;
    const result = await runner.run('sh', ['-c', script, 'sh', evidenceDir], { cwd: '/' });
    return result.stdout.split('\u001e').filter((text) => text.trim() !== '');
  }

  private get runner(): CommandRunner {
    return asServerUser(this.parts);
  }

  private async info(): Promise<StanzaInfo> {
    const result = await pgbackrest(this.parts, 'info', ['--output=json', '--log-level-console=warn']);
    if (result.code !== 0) assertDone(result, 'reading the repository');
    return readInfo(result.stdout, this.parts.stanza);
  }

  /** @throws OperatorError where pgBackRest ended because another one of it holds the stanza */
  private async refuseBusy(code: number, what: string): Promise<void> {
    if (code !== LOCK_ACQUIRE_ERROR) return;
    const holder = await this.lockHolder();
    throw new OperatorError(
      `no ${what} now: another ${holder.what} is already running (pid ${holder.pid ?? 'unknown'}${holder.since === undefined ? '' : `, since ${holder.since.toISOString()}`})`,
      {
        next: 'wait for it: qbench info tells how far it is',
      },
    );
  }

  /** The pgBackRest that holds the stanza, from the process list: its lock file says no more than its number. */
  private async lockHolder(): Promise<RunningBackup> {
    const { runner, clock, stanza } = this.parts;
    const listed = await runner.run('ps', ['-eo', 'pid=,etimes=,args='], { cwd: '/' });
    for (const line of listed.stdout.split('\n')) {
      const [, pid, seconds, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      const verb = /^(?:\S*\/)?pgbackrest .*\b(backup|expire|stanza-\w+)\b/.exec(args)?.[1];
      if (verb === undefined || !args.includes(`--stanza=${stanza}`)) continue;
      return { pid: Number(pid), what: verb, since: new Date(clock.now().getTime() - Number(seconds) * 1000) };
    }
    return { pid: undefined, what: 'backup', since: undefined };
  }
}
