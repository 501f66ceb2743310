/** What `pgbackrest info --output=json` says, in the words of the port. https://pgbackrest.org/command.html#command-info */
import type { BackupSet, RunningBackup } from '../../../ops/backup/engine';
import { typeOfLabel } from '../../../ops/backup/label';
import { OperatorError } from '../../../ops/errors';

export interface StanzaInfo {
  systemIdentifier: string | undefined;
  postgresVersion: string | undefined;
  /** Folder of the newest database in the archive: "18-1". */
  archiveId: string | undefined;
  backups: BackupSet[];
  running: RunningBackup | undefined;
}

interface RawBackup {
  label: string;
  reference?: string[] | null;
  timestamp: { start: number; stop: number };
  archive: { start: string | null; stop: string | null };
  error?: boolean | null;
  info: { size: number; repository?: { delta?: number | null } };
}

interface RawStanza {
  name: string;
  status: {
    code: number;
    message: string;
    lock?: { backup?: { held?: boolean; size?: number; 'size-cplt'?: number; 'size-complete'?: number } };
  };
  db?: { id: number; 'system-id': number | string; version: string }[];
  archive?: { id: string }[];
  backup?: RawBackup[];
}

/** Codes of a stanza in `info`: the stanza is there without a backup; it is missing. */
const NO_STANZA = 1;

/**
 * @param text standard output of `info`
 * @throws OperatorError where the stanza is not there, or the text is not what pgBackRest writes
 */
export function readInfo(text: string, stanza: string): StanzaInfo {
  let raw: RawStanza[];
  try {
    // System identifiers are larger than what a number of JavaScript holds.
    raw = JSON.parse(text.replaceAll(/"system-id":\s*(\d+)/g, '"system-id":"$1"')) as RawStanza[];
  } catch (error) {
    throw new OperatorError(`pgbackrest info answered with something else than JSON: ${text.slice(0, 200)}`, {
      cause: error,
    });
  }
  const found = raw.find(({ name }) => name === stanza);
  if (found === undefined || found.status.code === NO_STANZA) {
    throw new OperatorError(`the repository has no stanza "${stanza}"`, {
      next: `on the host: runuser -u postgres -- pgbackrest --stanza=${stanza} stanza-create`,
    });
  }
  const database = found.db?.at(-1);
  return {
    systemIdentifier: database === undefined ? undefined : String(database['system-id']),
    postgresVersion: database?.version,
    archiveId: found.archive?.at(-1)?.id,
    backups: (found.backup ?? []).map(backupOf),
    running: runningOf(found),
  };
}

function backupOf(raw: RawBackup): BackupSet {
  const stop = raw.archive.stop ?? raw.archive.start ?? '';
  return {
    name: raw.label,
    type: typeOfLabel(raw.label),
    needs: raw.reference ?? [],
    startedAt: new Date(raw.timestamp.start * 1000),
    // Told in whole seconds: the next one is surely after its end.
    stoppedAt: new Date((raw.timestamp.stop + 1) * 1000),
    startWal: raw.archive.start ?? stop,
    stopWal: stop,
    databaseBytes: raw.info.size,
    storedBytes: raw.info.repository?.delta ?? raw.info.size,
    ...(raw.error === true ? { damage: 'pages of the server were damaged when it was taken' } : {}),
  };
}

function runningOf(stanza: RawStanza): RunningBackup | undefined {
  const lock = stanza.status.lock?.backup;
  if (lock?.held !== true) return undefined;
  const done = lock['size-cplt'] ?? lock['size-complete'];
  return {
    pid: undefined,
    what: 'backup or expire',
    since: undefined,
    ...(done === undefined ? {} : { doneBytes: done }),
    ...(lock.size === undefined ? {} : { totalBytes: lock.size }),
  };
}
