/** What the report step prints on the host, unpacked. */
import { gunzipSync } from 'node:zlib';
import { messageOf, OperatorError } from '../errors';

/**
 * Reads a line `at EPOCH`, a line `info BASE64` (gzip), since SSM cuts an output off at 24,000 characters, and where a drill passed a line
 * `proven TIME`.
 * @returns the host's clock, what `pgbackrest info --output=json` said, and when a drill last proved a restore
 * @throws OperatorError where the output was cut off or damaged
 */
export function unpackReport(output: string): { at: Date; info: string; provenRestoreAt?: Date } {
  const line = (key: string): string => new RegExp(`^${key} (\\S+)$`, 'm').exec(output)?.[1] ?? '';
  try {
    const info = gunzipSync(Buffer.from(line('info'), 'base64')).toString();
    const proven = new Date(line('proven'));
    return {
      at: new Date(Number(line('at')) * 1000),
      info,
      ...(Number.isNaN(proven.getTime()) ? {} : { provenRestoreAt: proven }),
    };
  } catch (error) {
    throw new OperatorError(`the report of the backups cannot be read: ${messageOf(error)}`, {
      next: 'qbench info shows the repository',
      cause: error,
    });
  }
}
