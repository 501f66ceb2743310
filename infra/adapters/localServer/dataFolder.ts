/** What lies in a data folder, judged before anything is done to it: never an initdb over data. */
import { closeSync, existsSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { OperatorError } from '../../ops/errors';
import type { CommandRunner } from '../../ops/ports';
import type { PostgresBinaries } from './binaries';
import type { ServerRecord } from './layout';

export async function systemIdentifier(binDir: string, dataDir: string, runner: CommandRunner): Promise<string> {
  const result = await runner.run(join(binDir, 'pg_controldata'), ['-D', dataDir], { env: { LC_ALL: 'C' } });
  const found = /Database system identifier:\s*(\d+)/.exec(result.stdout)?.[1];
  if (found === undefined) {
    throw new OperatorError(`"${dataDir}" has no readable pg_control: ${result.stderr.trim()}`, {
      next: 'restore the folder from a backup; nothing in it was changed',
    });
  }
  return found;
}

/**
 * Whether the folder holds this very cluster, judged without any program: a destroy works where the binaries are gone.
 * pg_control begins with the system identifier, 8 bytes in the machine's own order (catalog/pg_control.h).
 */
export function holdsCluster(dataDir: string, identifier: string): boolean {
  const file = join(dataDir, 'global', 'pg_control');
  if (!existsSync(file)) return false;
  const first = Buffer.alloc(8);
  const fd = openSync(file, 'r');
  try {
    if (readSync(fd, first, 0, 8, 0) !== 8) return false;
  } finally {
    closeSync(fd);
  }
  return String(endianness() === 'LE' ? first.readBigUInt64LE() : first.readBigUInt64BE()) === identifier;
}

/**
 * @returns true where the folder holds this stack's own cluster, false where a new one may be made
 * @throws OperatorError naming the cause where it holds anything else, or where data that was there is gone
 */
export async function inspectDataFolder(
  dataDir: string,
  record: ServerRecord | undefined,
  binaries: PostgresBinaries,
  runner: CommandRunner,
): Promise<boolean> {
  const entries = existsSync(dataDir) ? readdirSync(dataDir) : [];
  const known = record?.state === 'initialised';
  if (entries.length === 0) {
    if (!known) return false;
    throw new OperatorError(
      `the data folder "${dataDir}" of stack ${record.stack} is gone: it held cluster ${record.systemIdentifier}`,
      {
        next:
          `put the folder back, or restore a backup: npm run qbench -- restore --to latest --target ${dataDir}; ` +
          'to start with an empty database: npm run destroy, then npm run up',
      },
    );
  }
  const versionFile = join(dataDir, 'PG_VERSION');
  if (!existsSync(versionFile)) {
    throw new OperatorError(
      `"${dataDir}" is not empty and holds no PostgreSQL cluster (${entries.slice(0, 3).join(', ')} ...)`,
      {
        next: 'set local.dataDir to an empty or new folder; nothing in this one was changed',
      },
    );
  }
  const major = Number.parseInt(readFileSync(versionFile, 'utf8'), 10);
  if (major !== binaries.major) {
    throw new OperatorError(`"${dataDir}" was made by PostgreSQL ${major}; this server is ${binaries.version}`, {
      allowed: `a folder made by PostgreSQL ${binaries.major}`,
      next: `run PostgreSQL ${major} on it (local.postgresSource "installed"), or dump and load it; nothing in it was changed`,
    });
  }
  const found = await systemIdentifier(binaries.binDir, dataDir, runner);
  // A record that is only reserved may know the cluster already: its run was killed right after initdb.
  if (record?.systemIdentifier !== found) {
    throw new OperatorError(
      `"${dataDir}" holds another cluster (system identifier ${found}` +
        `${record?.systemIdentifier === undefined ? '; this stack has none yet' : `, this stack's is ${record.systemIdentifier}`})`,
      { next: 'set local.dataDir to an empty or new folder; nothing in this one was changed' },
    );
  }
  return true;
}
