/** Making a new cluster: initdb into a folder beside, renamed when it is whole. A run that is killed leaves no half of one. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ROLE_NAMES } from '../../naming';
import { OperatorError } from '../../ops/errors';
import type { Clock, CommandRunner, ProgressSink } from '../../ops/ports';
import { scramVerifier } from '../../postgres/scram';
import type { PostgresBinaries } from './binaries';
import { systemIdentifier } from './dataFolder';
import type { ServerRecord } from './layout';
import { DISK_FULL, stopInitdb } from './process';

/** Between the data folder's name and a name of the run, while initdb works. */
const PARTIAL = '.partial-';

export interface InitialiseParts {
  /** Names the data folder, which is empty or absent. */
  record: ServerRecord;
  binaries: PostgresBinaries;
  stackDir: string;
  /** Runs as the server's user. */
  runner: CommandRunner;
  giveToServer(path: string): void;
  keepRecord(record: ServerRecord): void;
  clock: Clock;
  progress: ProgressSink;
}

/**
 * @returns the record with the new cluster's system identifier, which is kept before the folder takes its place
 * @throws OperatorError with initdb's words
 */
export async function initialiseCluster(parts: InitialiseParts, superuserPassword: string): Promise<ServerRecord> {
  const { record, binaries, stackDir, runner, progress } = parts;
  const { dataDir } = record;
  progress.update({ phase: 'creating the database cluster (checksums on)' });
  await removePartials(dataDir, parts.clock);
  // A name of its own: an initdb whose run was killed may still be writing into the one before.
  const partial = `${dataDir}${PARTIAL}${process.pid}-${randomBytes(4).toString('hex')}`;
  const verifierFile = join(stackDir, 'superuser-verifier');
  try {
    mkdirSync(partial, { recursive: true, mode: 0o700 });
    parts.giveToServer(partial);
    // Not the password: a run that is killed would leave it behind. The server keeps the verifier as it is.
    writeFileSync(verifierFile, scramVerifier(superuserPassword, randomBytes(16)), { mode: 0o600 });
    parts.giveToServer(verifierFile);
    const args = ['--no-instructions', '--data-checksums', '--encoding=UTF8', '--locale=C.UTF-8'];
    const auth = ['--auth=scram-sha-256', `--username=${ROLE_NAMES.superuser}`, `--pwfile=${verifierFile}`];
    const result = await runner.run(join(binaries.binDir, 'initdb'), [...args, ...auth, '-D', partial], {
      env: { LC_ALL: 'C', LC_MESSAGES: 'C' },
      cwd: '/',
    });
    if (result.code !== 0) throw initdbFailed(result.stderr, dirname(dataDir));
    const made = { ...record, systemIdentifier: await systemIdentifier(binaries.binDir, partial, runner) };
    // Before the folder takes its place: a run that is killed in between finds its own cluster there, not a foreign one.
    parts.keepRecord(made);
    // Fails where somebody has put something into it meanwhile.
    if (existsSync(dataDir)) rmdirSync(dataDir);
    renameSync(partial, dataDir);
    return made;
  } finally {
    rmSync(verifierFile, { force: true });
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Removes what runs that were killed during initdb left behind: the programs, then their folders. */
export async function removePartials(dataDir: string, clock: Clock): Promise<void> {
  const prefix = `${dataDir}${PARTIAL}`;
  await stopInitdb(prefix, clock);
  const parent = dirname(dataDir);
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(basename(prefix)))) {
    rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function initdbFailed(stderr: string, disk: string): OperatorError {
  const lines = stderr.trim().split('\n');
  const telling = lines.filter((line) => /(FATAL|PANIC|ERROR|error|HINT|DETAIL):|could not|No space left/.test(line));
  // The first complaint is the cause; what follows is its wake.
  const words = (telling.length > 0 ? telling.slice(0, 3) : lines.slice(-3)).map(withoutTime).join('; ');
  return new OperatorError(`initdb failed: ${words}`, {
    next: DISK_FULL.test(words) ? `free some space on the disk of ${disk} and run it again` : 'see the words above',
  });
}

/** A line of the server without its time and process id. */
function withoutTime(line: string): string {
  return line.replace(/^\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] /, '').trim();
}
