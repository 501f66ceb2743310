/** Units and rounding. Bytes are integers; KiB, MiB and GiB are powers of 1024; a month has 730 hours. */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

/** Hours of a month in AWS price lists. */
export const HOURS_PER_MONTH = 730;

/** Size of a PostgreSQL page in bytes; a compile-time constant of every packaged server. */
const PAGE_BYTES = 8192;

/** Rounds up to the server's alignment of 8 bytes (MAXALIGN). */
export function maxAlign(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Limits a number to a range; where the range is empty the upper bound wins, because it is the one that protects the host. */
export function clamp(value: number, minimum: number, maximum: number): number {
  return Math.min(maximum, Math.max(minimum, value));
}

/** Bytes of a number of pages. */
export function pagesToBytes(pages: number): number {
  return Math.ceil(pages) * PAGE_BYTES;
}

/** Bytes as whole MiB, rounded up: a plan never promises less than it needs. */
export function toMiB(bytes: number): number {
  return Math.ceil(bytes / MIB);
}

/** "4.1 GiB": for the messages of this room, which imports nobody's formatter. */
export function formatBytes(bytes: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [TIB, 'TiB'],
    [GIB, 'GiB'],
    [MIB, 'MiB'],
    [KIB, 'KiB'],
  ];
  const step = steps.find(([size]) => bytes >= size);
  if (step === undefined) return `${Math.round(bytes)} B`;
  const amount = bytes / step[0];
  return `${amount >= 100 ? Math.round(amount) : Number(amount.toFixed(1))} ${step[1]}`;
}

/** "3 min 20 s", "2 h 5 min". */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}
