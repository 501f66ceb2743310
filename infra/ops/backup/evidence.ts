/** The record that a drill leaves: what was restored, what was checked, how long it took. A backup counts once there is one. */

export interface DrillCheck {
  /** "documents", "index idx_test_documents_embedding valid" */
  name: string;
  passed: boolean;
  /** What was found. */
  found: string;
}

export interface DrillRecord {
  version: 1;
  engine: string;
  repository: string;
  systemIdentifier: string | undefined;
  backup: string;
  /** "latest", a label or a time. */
  to: string;
  startedAt: string;
  finishedAt: string;
  passed: boolean;
  /** Why it ended before its checks; undefined where it did not. */
  error?: string | undefined;
  /** Commit time of the last transaction that was replayed. */
  lastCommitAt?: string | undefined;
  /** Seconds of commits that the loss of the server would have cost when the drill began; undefined where the server was down. */
  rpoSeconds?: number | undefined;
  /** Seconds from the start of the restore to the first answered query. */
  rtoSeconds?: number | undefined;
  copySeconds?: number | undefined;
  replaySeconds?: number | undefined;
  bytes?: number | undefined;
  checks: readonly DrillCheck[];
}

/** A record as it was written; nothing for a text that is none, such as one of a run that was killed. */
export function parseEvidence(text: string): DrillRecord[] {
  try {
    const record = JSON.parse(text) as Partial<DrillRecord>;
    const known = record.version === 1 && record.finishedAt !== undefined && record.passed !== undefined;
    return known ? [record as DrillRecord] : [];
  } catch {
    return [];
  }
}

/** The newest record of a restore that was proven. */
export function lastProven(records: readonly DrillRecord[]): DrillRecord | undefined {
  return records
    .filter(({ passed }) => passed)
    .sort((a, b) => a.finishedAt.localeCompare(b.finishedAt))
    .at(-1);
}
