/** Labels of backups, as pgBackRest gives them: the times in UTC at which the full one and this one were begun. */
import type { BackupType } from './engine';

const LABEL = /^(\d{8}-\d{6}F)(?:_\d{8}-\d{6}([DI]))?$/;

export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

/** Type by the label's last letter. */
export function typeOfLabel(label: string): BackupType {
  const letter = LABEL.exec(label)?.[2];
  return letter === undefined ? 'full' : letter === 'D' ? 'diff' : 'incr';
}

/** Label of the full backup that this one begins with. */
export function fullOfLabel(label: string): string {
  return LABEL.exec(label)?.[1] ?? label;
}

function stamp(time: Date): string {
  const digits = time.toISOString().replaceAll(/[-:]/g, '');
  return `${digits.slice(0, 8)}-${digits.slice(9, 15)}`;
}

/** When the backup of this label was begun, in milliseconds of the epoch; each later one has a later time, whatever the clock said. */
export function labelTime(label: string): number {
  const last = label.split('_').at(-1) ?? label;
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)/.exec(last) ?? [];
  return Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
}

/**
 * A label later than every other one, also where the clock was set back.
 * @param full label of the full backup it builds upon; undefined for a full one
 */
export function nextLabel(type: BackupType, full: string | undefined, now: Date, existing: readonly string[]): string {
  const latest = Math.max(0, ...existing.filter(isLabel).map(labelTime));
  const time = stamp(new Date(Math.max(now.getTime(), latest + 1000)));
  return full === undefined ? `${time}F` : `${full}_${time}${type === 'diff' ? 'D' : 'I'}`;
}
