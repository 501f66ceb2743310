/** SCRAM-SHA-256 verifiers: what the server keeps instead of a password, and all that is ever sent in a statement. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** The server's own default (scram_iterations). */
const ITERATIONS = 4096;

/**
 * The verifier of a password, in the form PostgreSQL stores (RFC 5803, src/common/scram-common.c).
 * @param password ASCII; other characters would need SASLprep, which this does not do
 * @param salt 16 random bytes; the same salt gives the same verifier, so that a desired state does not change by itself
 * @throws RangeError for a character outside printable ASCII or a salt shorter than 16 bytes
 */
export function scramVerifier(password: string, salt: Buffer): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new RangeError('a password must be printable ASCII');
  if (salt.length < 16) throw new RangeError(`a salt must be at least 16 bytes, not ${salt.length}`);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
