/** What the report step prints on the host, unpacked. */
import { gunzipSync } from 'node:zlib';
import { messageOf, OperatorError } from '../errors';

/**
 * Reads a line `at EPOCH` and a line `info BASE64` (gzip), since SSM cuts an output off at 24,000 characters.
 * @returns the host's clock, and what `pgbackrest info --output=json` said
 * @throws OperatorError where the output was cut off or damaged
 */
export function unpackReport(output: string): { at: Date; info: string } {
  const line = (key: string): string => new RegExp(`^${key} (\\S+)$`, 'm').exec(output)?.[1] ?? '';
  try {
    const info = gunzipSync(Buffer.from(line('info'), 'base64')).toString();
    return { at: new Date(Number(line('at')) * 1000), info };
  } catch (error) {
    throw new OperatorError(`the report of the backups cannot be read: ${messageOf(error)}`, {
      next: 'qbench info shows the repository',
      cause: error,
    });
  }
}
