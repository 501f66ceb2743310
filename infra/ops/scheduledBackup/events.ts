/** The events that the backup's door is opened by, told apart and read with care: anybody may have typed them. */
import { COMMAND_ENDED } from '../../naming';
import { UsageError } from '../errors';
import { BACKUP_TYPES, type BackupType, type Slot } from './runs';

export type BackupEvent =
  /** A planned moment of the schedule. */
  | { kind: 'slot'; slot: Slot }
  /** A run on the host came to its end. */
  | { kind: 'finished'; runId: string }
  /** Once an hour: takes up what an event that was lost or a step that failed left lying, and asks for a report. */
  | { kind: 'reconcile' };

const ALLOWED = [
  '{"kind": "slot", "type": "full" or "diff", "at": "2026-11-22T02:00:00Z"}',
  '{"kind": "reconcile"}',
  `an event of EventBridge with "detail-type": "${COMMAND_ENDED}"`,
].join('; ');

/** @throws UsageError for anything else, with what is allowed */
export function parseBackupEvent(event: unknown): BackupEvent {
  const given = (typeof event === 'object' && event !== null ? event : {}) as Record<string, unknown>;
  if (given['kind'] === 'reconcile') return { kind: 'reconcile' };
  if (given['kind'] === 'slot') {
    const type = BACKUP_TYPES.find((each) => each === given['type']);
    const at = new Date(typeof given['at'] === 'string' ? given['at'] : Number.NaN);
    if (type !== undefined && !Number.isNaN(at.getTime()))
      return { kind: 'slot', slot: { type: type satisfies BackupType, at } };
  }
  const runId = endedCommand(event);
  if (runId !== undefined) return { kind: 'finished', runId };
  throw new UsageError(`the event ${shown(event)} is none of the backup's`, { allowed: ALLOWED });
}

/** Id of the command whose end the event tells, or undefined for another event. */
export function endedCommand(event: unknown): string | undefined {
  const given = (typeof event === 'object' && event !== null ? event : {}) as Record<string, unknown>;
  if (given['detail-type'] !== COMMAND_ENDED) return undefined;
  const detail = given['detail'] as Record<string, unknown> | null | undefined;
  const id = detail?.['command-id'];
  return typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

/** An event as a message shows it. */
export function shown(event: unknown): string {
  const text = JSON.stringify(event) as string | undefined;
  return text === undefined ? 'undefined' : text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
