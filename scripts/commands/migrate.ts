/** `qbench migrate`: brings the database to the migrations of this checkout. The Pulumi program calls it with `--declared`. */
import type { Command } from 'commander';
import { keptEvidence } from '../../infra/adapters/keptEvidence';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { migrationStatus, migrate } from '../../infra/ops/migrations/migrate';
import type { ManifestEntry, MigrationFile } from '../../infra/ops/migrations/manifest';
import type { MigrationStatus } from '../../infra/ops/migrations/history';
import { UsageError } from '../../infra/ops/errors';
import { judgeEvidence, readBackupEvidence } from '../../infra/ops/review/backupEvidence';
import { refuseUnbackedDrops } from '../../infra/ops/review/migrations';
import { stackOf, type CliContext } from '../support/context';
import { table } from '../support/output';
import { readJsonFromStdin } from '../support/stdin';

interface MigrateFlags {
  status?: boolean;
  dryRun?: boolean;
  declared?: boolean;
  json?: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('migrate')
    .description('applies the pending migrations of sql/migrations')
    .option(
      '--status',
      'only tells which are applied and which are pending; exit code 1 where a file was edited, is missing or out of order',
    )
    .option('--dry-run', 'checks everything and tells what would be applied')
    .option('--declared', 'reads the declared files and hashes from standard input as JSON, and refuses others')
    .option('--json', 'as JSON')
    .action(async (flags: MigrateFlags, command: Command) => {
      if (flags.status === true && flags.dryRun === true)
        throw new UsageError('--status and --dry-run exclude each other');
      const database = context.database(command);
      if (flags.status === true || flags.dryRun === true) {
        const states = await migrationStatus(database);
        show(context, flags, flags.dryRun === true ? states.filter(({ state }) => state !== 'applied') : states);
        if (states.some(({ state }) => state !== 'applied' && state !== 'pending')) context.exitCode = 1;
        return;
      }
      const { migrations: declared, provenBackup } =
        flags.declared === true ? await readDeclared(context) : { migrations: undefined, provenBackup: false };
      const report = await migrate(database, nodePgMigrateEngine, context.clock, context.progress(), {
        signal: context.signal,
        ...(declared === undefined ? {} : { declared }),
        ...(provenBackup ? { allows: (pending) => refuseWithoutBackup(context, stackOf(command), pending) } : {}),
      });
      if (flags.json === true) context.json(report);
      else if (report.applied.length === 0)
        context.write(`all ${report.alreadyApplied} migrations are applied; nothing to do\n`);
      else
        context.write(
          table(
            ['applied', 'seconds'],
            report.applied.map(({ file, seconds }) => [file, seconds.toFixed(2)]),
            [1],
          ),
        );
    });
}

/** In production a migration that drops something needs a backup behind it, as the policy pack asks of resources. */
function refuseWithoutBackup(context: CliContext, stack: string, pending: readonly MigrationFile[]): void {
  const kept = keptEvidence(context.machine, stack);
  refuseUnbackedDrops(
    pending,
    judgeEvidence(kept === undefined ? undefined : readBackupEvidence(kept), { stack }, context.clock.now()),
  );
}

async function readDeclared(context: CliContext): Promise<{ migrations: ManifestEntry[]; provenBackup: boolean }> {
  const { migrations, provenBackup } = await readJsonFromStdin<{ migrations?: unknown; provenBackup?: unknown }>(
    context,
  );
  const isEntry = (entry: unknown): entry is ManifestEntry =>
    typeof entry === 'object' &&
    entry !== null &&
    'file' in entry &&
    typeof entry.file === 'string' &&
    'sha256' in entry &&
    typeof entry.sha256 === 'string';
  if (!Array.isArray(migrations) || !migrations.every(isEntry)) {
    throw new UsageError('standard input declares no migrations', {
      allowed: '{"migrations": [{"file": "000001-name.sql", "sha256": "..."}]}',
    });
  }
  return { migrations, provenBackup: provenBackup === true };
}

function show(context: CliContext, flags: MigrateFlags, states: readonly MigrationStatus[]): void {
  if (flags.json === true) context.json(states);
  else if (states.length === 0) context.write('nothing to apply\n');
  else {
    const rows = states.map(({ file, state, appliedAt, appliedSha256, fileSha256 }) => [
      file,
      state,
      appliedAt ?? '-',
      (fileSha256 ?? appliedSha256 ?? '').slice(0, 12),
    ]);
    context.write(table(['migration', 'state', 'applied at', 'sha256'], rows));
  }
}
