/** Which changes may not go through unless somebody named them, and whether a backup stands behind them. */
import { judgeEvidence, type BackupEvidence, type BackupVerdict } from './backupEvidence';
import type { JudgedChange } from './classify';
import { preciousOf } from './precious';
import type { Preview } from './preview';

/** A label that allows one destruction by its name: `allow-destroy:data-volume`, `allow-destroy:000016`. */
const LABEL = /^allow-destroy:(.+)$/;

export interface GateInput {
  changes: readonly JudgedChange[];
  preview: Preview;
  environment: string;
  /** Names or URNs of the configuration. */
  allowDestroy: readonly string[];
  /** Labels of the pull request. */
  labels: readonly string[];
  /** The best backup there is; undefined where no evidence was given. */
  backup: BackupEvidence | undefined;
  now: Date;
}

export interface GateItem {
  /** Name by which it is allowed: a resource's logical name, or a migration's file name. */
  name: string;
  why: string;
  allowedBy?: string;
}

export interface GateVerdict {
  passed: boolean;
  /** Not named by anybody: the gate fails for each. */
  blocked: GateItem[];
  /** Destroys, but was named. */
  allowed: GateItem[];
  /** Absent where nothing is destroyed, or outside of production. */
  backup?: BackupVerdict;
}

function whoAllows({ allowDestroy, labels }: GateInput, name: string, urn: string | undefined): string | undefined {
  const entry = allowDestroy.find((each) => each === name || each === urn);
  if (entry !== undefined) return `allowDestroy of the configuration`;
  return labels.find((label) => {
    const named = LABEL.exec(label)?.[1];
    // A migration may go by its number alone: labels are short.
    return (
      named === name || named === urn || (named !== undefined && /^\d{6}$/.test(named) && name.startsWith(`${named}-`))
    );
  });
}

/** Everything that would be destroyed, by the name it is allowed by. */
function destructions(input: GateInput): GateItem[] {
  const items = new Map<string, GateItem>();
  const add = (name: string, why: string, urn?: string): void => {
    const allowedBy = whoAllows(input, name, urn);
    items.set(name, { name, why, ...(allowedBy === undefined ? {} : { allowedBy }) });
  };
  for (const change of input.changes) {
    if (change.precious !== undefined) {
      const verb = change.operation === 'delete' ? 'leaves the stack' : 'is replaced';
      add(change.name, `the ${change.precious.kind} ${verb}: lost is ${change.precious.loses}`, change.urn);
    }
    for (const { file, destructive, unjudged } of change.migrations) {
      if (destructive === undefined) add(file, `the migration could not be judged: ${unjudged ?? 'unknown'}`);
      else if (destructive.length > 0)
        add(file, `the migration drops ${destructive.map(({ what }) => what).join(', ')}`);
    }
  }
  // Without protection the next change could take it away, and no preview would be refused.
  for (const { name, urn, type, before, after, operation } of input.preview.resources) {
    const opened = before?.protect === true && after?.protect === false && operation !== 'delete';
    if (input.environment === 'production' && opened && preciousOf(type, name, before.inputs) !== undefined) {
      if (!items.has(name)) add(name, 'its protection is taken away', urn);
    }
  }
  return [...items.values()];
}

function judgeBackup({ backup, now, preview }: GateInput): BackupVerdict {
  const repository = preview.outputsBefore?.['backupRepository'];
  return judgeEvidence(
    backup,
    { stack: preview.stack, repository: typeof repository === 'string' ? repository : undefined },
    now,
  );
}

/** Judges a preview. In production a destruction that was named still needs a fresh verified backup behind it. */
export function judgeGate(input: GateInput): GateVerdict {
  const items = destructions(input);
  const blocked = items.filter(({ allowedBy }) => allowedBy === undefined);
  const needsBackup = items.length > 0 && input.environment === 'production';
  const backup = needsBackup ? judgeBackup(input) : undefined;
  return {
    passed: blocked.length === 0 && backup?.fresh !== false,
    blocked,
    allowed: items.filter(({ allowedBy }) => allowedBy !== undefined),
    ...(backup === undefined ? {} : { backup }),
  };
}
