/** The events that the monitor's door is opened by. */
import { UsageError } from '../errors';
import { COMMAND_ENDED } from '../../naming';
import { endedCommand, shown } from '../scheduledBackup/events';

export type MonitorEvent =
  /** Takes a snapshot; with comparisons the recall is measured too. */
  | { kind: 'snapshot'; comparisons: number }
  /** A snapshot came to its end on the host. */
  | { kind: 'finished'; runId: string };

/** More would be cut off by the pattern of the document's parameter. */
const MOST_COMPARISONS = 50;

const ALLOWED = [
  `{"kind": "snapshot", "comparisons": 0 to ${MOST_COMPARISONS}}`,
  `an event of EventBridge with "detail-type": "${COMMAND_ENDED}"`,
].join('; ');

/** @throws UsageError for anything else, with what is allowed */
export function parseMonitorEvent(event: unknown): MonitorEvent {
  const given = (typeof event === 'object' && event !== null ? event : {}) as Record<string, unknown>;
  const { kind, comparisons = 0 } = given;
  if (kind === 'snapshot' && typeof comparisons === 'number' && Number.isInteger(comparisons)) {
    if (comparisons >= 0 && comparisons <= MOST_COMPARISONS) return { kind, comparisons };
  }
  const runId = endedCommand(event);
  if (runId !== undefined) return { kind: 'finished', runId };
  throw new UsageError(`the event ${shown(event)} is none of the monitor's`, { allowed: ALLOWED });
}
