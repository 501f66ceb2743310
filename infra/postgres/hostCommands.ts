/**
 * The SSM documents by which the Lambdas work on the host: what each of them may start is written here and nowhere else. A
 * Lambda chooses a step and names a slot; it cannot send a command of its own, whoever took hold of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATABASE_NAME, HOST_PARAMETERS, ROLE_NAMES } from '../naming';
import { DATA_MOUNT, DRILL_RECORDS, SOCKET_DIRECTORY } from './hostFiles';
import { STANZA } from './pgbackrest';

/** A command document: https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html. */
export interface CommandDocument {
  schemaVersion: '2.2';
  description: string;
  parameters: Readonly<Record<string, { type: 'String'; description: string; allowedPattern: string }>>;
  mainSteps: readonly [
    {
      action: 'aws:runShellScript';
      name: string;
      inputs: { timeoutSeconds: string; runCommand: readonly string[] };
    },
  ];
}

export interface HostCommandInput {
  port: number;
  /** Folder of the server's socket. @default the host's */
  socketDirectory?: string;
  /** Folder on the data volume. @default the host's */
  mount?: string;
}

/** A full backup of the largest volume that is planned for takes a night; SSM ends what hangs after this. In seconds. */
const BACKUP_TIMEOUT_SECONDS = 12 * 3600;
const SNAPSHOT_TIMEOUT_SECONDS = 180;

/** Timed searches by each index, and the milliseconds after which none is begun. */
const PROBE_SEARCHES = 20;
const PROBE_BUDGET_MS = 20_000;

/** A step of a scheduled backup, with pgBackRest. */
export function backupDocument(): CommandDocument {
  return {
    schemaVersion: '2.2',
    description: 'One step of a scheduled backup: backup, expire, verify or report',
    parameters: {
      [HOST_PARAMETERS.step]: {
        type: 'String',
        description: 'What is done',
        allowedPattern: '^(backup|expire|verify|report)$',
      },
      [HOST_PARAMETERS.slot]: {
        type: 'String',
        description: 'Type and planned time of the backup',
        allowedPattern: '^(full|diff|report)-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z$',
      },
    },
    mainSteps: [
      step('backup', BACKUP_TIMEOUT_SECONDS, {
        // SSM puts the parameters here; their patterns let nothing through that a shell would read otherwise.
        step: `{{ ${HOST_PARAMETERS.step} }}`,
        slot: `{{ ${HOST_PARAMETERS.slot} }}`,
        stanza: STANZA,
        drills: DRILL_RECORDS,
      }),
    ],
  };
}

/**
 * One snapshot of the database and its host, with timed searches. Comparisons with the truth give the recall; each reads a whole
 * table, so they are asked for once a day and not every time.
 */
export function snapshotDocument(input: HostCommandInput): CommandDocument {
  return {
    schemaVersion: '2.2',
    description: 'One snapshot of the database and its host, with timed searches',
    parameters: {
      [HOST_PARAMETERS.comparisons]: {
        type: 'String',
        description: 'Searches by each index that are compared with the truth',
        allowedPattern: '^[0-9]{1,2}$',
      },
    },
    mainSteps: [
      step('snapshot', SNAPSHOT_TIMEOUT_SECONDS, {
        port: input.port,
        socket: input.socketDirectory ?? SOCKET_DIRECTORY,
        database: DATABASE_NAME,
        role: ROLE_NAMES.monitor,
        mount: input.mount ?? DATA_MOUNT,
        searches: PROBE_SEARCHES,
        budget: PROBE_BUDGET_MS,
        comparisons: `{{ ${HOST_PARAMETERS.comparisons} }}`,
      }),
    ],
  };
}

function step(
  name: string,
  timeoutSeconds: number,
  values: Readonly<Record<string, string | number>>,
): CommandDocument['mainSteps'][0] {
  const script = readFileSync(join(__dirname, 'templates', 'commands', `${name}.sh`), 'utf8').trimEnd();
  const assignments = Object.entries(values).map(
    ([key, value]) => `${key}='${String(value).replaceAll("'", "'\\''")}'`,
  );
  return {
    action: 'aws:runShellScript',
    name,
    // The agent hands the script to sh, which minds the first line.
    inputs: {
      timeoutSeconds: String(timeoutSeconds),
      runCommand: ['#!/bin/bash', ...assignments, ...script.split('\n')],
    },
  };
}
