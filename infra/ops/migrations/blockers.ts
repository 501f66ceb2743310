/** Says whom a session waits for while it works. */
import type { Clock, Database, ProgressSink } from '../ports';
import { sqlText } from '../sqlText';

const POLL_MS = 1_000;

interface Blocker {
  pid: number;
  usename: string | null;
  application_name: string | null;
  state: string | null;
  transaction_since: string | null;
}

export interface BlockerWatch {
  /** Whom the session waited for when last seen waiting, in words; undefined where it never waited. */
  lastSeen(): string | undefined;
  stop(): Promise<void>;
}

/** Looks once a second, from a session of its own, and notes every new blocker. */
export async function watchBlockers(
  database: Database,
  backendPid: number,
  clock: Clock,
  progress: ProgressSink,
): Promise<BlockerWatch> {
  const session = await database.connect({ role: 'owner', applicationName: 'qbench migrate (watch)' });
  const abort = new AbortController();
  let last: string | undefined;
  // The sleep is cut off by `stop`, which ends the loop.
  const loop = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(POLL_MS, abort.signal);
      const { rows } = await session.query<Blocker>(sqlText('queries/blocking-sessions'), [backendPid]);
      if (rows.length === 0) continue;
      const words = rows.map(describe).join('; ');
      if (words !== last) progress.note(`  waiting for ${words}`);
      last = words;
    }
  };
  // Watching helps a person; that it fails must not fail the work.
  const running = loop().catch(() => undefined);
  return {
    lastSeen: () => last,
    stop: async () => {
      abort.abort();
      await running;
      await session.close();
    },
  };
}

function describe({ pid, usename, application_name, state, transaction_since }: Blocker): string {
  const since = transaction_since === null ? null : `transaction since ${transaction_since}`;
  return [`pid ${pid}`, usename, application_name, state, since]
    .filter((part) => part !== null && part !== '')
    .join(', ');
}
